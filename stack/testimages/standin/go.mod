module slipway/stack/testimages/standin

go 1.26.0
