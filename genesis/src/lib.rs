//! A genesis in readable TOML, and the canonical [`diem_types::GenesisDoc`] that it means.
