// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The most addresses in one list.
private let maximumAddresses = 20_000
/// The most access lists in one list; a node gets one.
private let maximumAccessLists = 64

extension IPList: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let access: [Access] = try wire.list("access", limit: maximumAccessLists)
    self.init(
      version: wire.uint64("version"), nodes: try wire.list("nodes", limit: maximumAddresses),
      controlPlane: try wire.texts("control_plane", limit: maximumAddresses), access: access.isEmpty ? nil : access)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("version", version)
    try wire.set("nodes", list: nodes)
    try wire.set("control_plane", texts: controlPlane)
    try wire.set("access", list: access ?? [])
  }
}

extension IPList.Entry: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let direction: AddressDirection? =
      switch (wire.bool("inbound"), wire.bool("outbound")) {
      case (true, false): .inbound
      case (false, true): .outbound
      case (true, true), (false, false): nil
      }
    self.init(
      cluster: try wire.name("cluster"), node: try wire.name("node"), address: try wire.text("address"),
      future: wire.bool("future") ? true : nil, direction: direction)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("cluster", cluster)
    try wire.set("node", node)
    try wire.set("address", address)
    wire.set("future", future ?? false)
    wire.set("inbound", isInbound)
    wire.set("outbound", isOutbound)
  }
}

extension IPList.Access: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      project: try wire.name("project"),
      entries: try wire.list("ranges", limit: IPList.maximumAccessEntries))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("project", project)
    try wire.set("ranges", list: entries)
  }
}

extension IPList.AccessEntry: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let text = try wire.text("range")
    guard let range = try? IPRange(text) else {
      throw MessageError(.invalidValue, "an access list has a range that is none")
    }
    let milliseconds = wire.uint64("expires_in_ms")
    self.init(range: range, expiresInMilliseconds: wire.bool("expires") ? Int64(clamping: milliseconds) : nil)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("range", range.description)
    wire.set("expires", expiresInMilliseconds != nil)
    wire.set("expires_in_ms", UInt64(clamping: expiresInMilliseconds ?? 0))
  }
}
