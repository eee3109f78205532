# SPDX-License-Identifier: Apache-2.0

package commons_test.grounds.public_task

import data.commons.grounds.public_task
import data.commons_test.world

test_a_term_on_public_task_applies if {
	public_task.applies == {0} with input as world.facts
		with data.agreements as world.agreements
		with data.roles as world.roles
}

test_a_term_whose_confidentiality_rests_on_care_or_consent_does_not if {
	every category in ["care", "consented"] {
		count(public_task.applies) == 0 with input as world.asking(category)
			with data.agreements as world.agreements
			with data.roles as world.roles
	}
}

test_public_task_with_confidentiality_on_consent_does_not if {
	mixed := {"agreement": object.union(
		world.agreement,
		{"terms": {"source": {"task": {"confidentiality_basis": "explicit-consent"}}}},
	)}
	count(public_task.applies) == 0 with input as world.asking("task")
		with data.agreements as mixed
		with data.roles as world.roles
}

test_public_task_with_article_9_on_consent_does_not if {
	mixed := {"agreement": object.union(
		world.agreement,
		{"terms": {"source": {"task": {"special_category_basis": "9(2)(a)"}}}},
	)}
	count(public_task.applies) == 0 with input as world.asking("task")
		with data.agreements as mixed
		with data.roles as world.roles
}

test_no_other_term_does if {
	every category in ["duty", "life"] {
		count(public_task.applies) == 0 with input as world.asking(category)
			with data.agreements as world.agreements
			with data.roles as world.roles
	}
}
