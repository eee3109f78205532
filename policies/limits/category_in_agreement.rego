# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The category from this source is in the agreement
# description: >-
#   The agreement has a term for exactly this source and this category; the same category from another source is
#   not covered.
# scope: package
# custom:
#   order: 21
#   about: request
#   withheld_reason: no-agreement
#   remedy: agreement
#   legal_source: UK GDPR Article 5(1)(b), Article 5(1)(c)
#   agency: The agreement does not cover this category from this source.
#   citizen: The agreement does not cover this information.
package commons.limits.category_in_agreement

import data.commons.lib.among.resting

holds := (resting.consent | resting["direct-care"]) | resting["article-6"]
