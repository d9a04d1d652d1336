//! Contracts: the .proto files, their generated types, the topic table, and the conversion between wire and model.
