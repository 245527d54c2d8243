module example.com/amp-pool

go 1.19
