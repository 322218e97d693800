// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Sealing

extension UUIDIdentifier {
  /// The 16 bytes of the UUID.
  func bytes() throws(KeystoreError) -> [UInt8] {
    guard let bytes = Hexadecimal.bytes(of: text.filter { $0 != "-" }), bytes.count == 16 else {
      throw KeystoreError(.corrupt, "a \(Self.kind) is no UUID")
    }
    return bytes
  }

  /// Makes the identifier of 16 bytes.
  init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { Hexadecimal.text(of: Array(bytes[$0])) }
    self.init(checked: groups.joined(separator: "-"))
  }
}
