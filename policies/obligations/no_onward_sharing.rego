# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: No onward sharing
# description: What was received goes no further, unless the agreement says that it may.
# scope: package
# custom:
#   legal_source: UK GDPR Article 5(1)(b)
#   agency: Do not share this with anybody else.
#   citizen: The service may not pass this on.
#   remedy: change-request
package commons.obligations.no_onward_sharing

import data.commons.lib.agreement.agreement

stated if is_boolean(agreement.onward_sharing)

duties contains {"type": "no-onward-sharing"} if agreement.onward_sharing == false
