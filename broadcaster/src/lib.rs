//! Tells the world: trades and depth over WebSocket and gRPC streams.
