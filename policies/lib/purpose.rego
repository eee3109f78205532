# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The tree of purposes
# description: A purpose's code is its parent's code, a dot and its own name.
# scope: package
package commons.lib.purpose

# Whether `purpose` is `root` or stands below it.
under(purpose, root) if purpose == root

under(purpose, root) if startswith(purpose, concat("", [root, "."]))
