// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension AuditHead: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    guard let hash = AuditHash(text: try wire.text("hash")) else {
      throw MessageError(.outOfRange, field: "hash", "a hash has \(2 * AuditHash.byteCount) hexadecimal digits")
    }
    self.init(sequence: wire.uint64("sequence"), hash: hash)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("sequence", sequence)
    try wire.set("hash", hash.description)
  }
}

extension AuditHeadMessage: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(try AuditHead(wire: wire), replacing: try wire.optional("replacing"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try head.write(to: wire)
    try wire.set("replacing", replacing)
  }
}
