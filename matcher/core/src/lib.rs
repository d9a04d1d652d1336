//! PURE. Order books, matching and the life of an order.
