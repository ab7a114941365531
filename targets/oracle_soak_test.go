//go:build engine && soak

package targets_test

import "testing"

// TestTenThousandPlansAndAThousandDeploymentsAgreeWithCompose prints its seed and what it came to.
func TestTenThousandPlansAndAThousandDeploymentsAgreeWithCompose(t *testing.T) { oracle(t, 1000, 9) }
