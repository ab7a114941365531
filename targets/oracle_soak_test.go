//go:build engine && soak

package targets_test

import (
	"testing"
	"time"
)

// TestTenThousandPlansAndAThousandDeploymentsAgreeWithCompose prints its seed and what it came to.
func TestTenThousandPlansAndAThousandDeploymentsAgreeWithCompose(t *testing.T) {
	oracle(t, uint64(time.Now().UnixNano()), 1000, 9) //nolint:gosec // after 1970
}
