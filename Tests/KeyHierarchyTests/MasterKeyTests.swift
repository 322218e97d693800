// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Sealing
import Secrets
import Testing

@testable import KeyHierarchy

@Suite("What the KMS wraps is a master key bound to its node")
struct MasterKeyTests {
  private func context(
    project: String = "p", cluster: String? = "main", node: String? = "n1", purpose: KeyPurpose = .masterKey
  ) throws -> KeyContext {
    KeyContext(
      project: try ProjectName(project), cluster: try cluster.map { try ClusterName($0) },
      node: try node.map { try NodeName($0) }, purpose: purpose)
  }

  @Test("comes back from its payload as the same key")
  func roundTrip() throws {
    let key = try MasterKey.generate()
    let payload = try key.payload(for: context())
    #expect(payload.count == 81)
    let back = try MasterKey(unwrapped: payload, context: context())
    let same = key.isSame(as: back)
    #expect(same)
    #expect(back.checkValue == key.checkValue)
  }

  @Test("is refused for any other fact it was wrapped with")
  func refusesOtherContext() throws {
    let payload = try MasterKey.generate().payload(for: context())
    let others = [
      try context(project: "q"), try context(cluster: "other"), try context(node: "n2"), try context(node: nil),
      try context(cluster: "n1", node: "main"), try context(purpose: .probe),
    ]
    for other in others {
      let error = expect(.wrongPayload) { _ = try MasterKey(unwrapped: payload, context: other) }
      #expect(error?.description.contains("made for another") == true)
    }
  }

  @Test("is refused if the payload is cut, grown or of another format")
  func refusesMalformed() throws {
    let payload = try MasterKey.generate().payload(for: context()).unprotectedCopy()
    for count in 0..<payload.count {
      expect(.wrongPayload) {
        _ = try MasterKey(unwrapped: SecretBytes(copying: Array(payload.prefix(count))), context: context())
      }
    }
    expect(.wrongPayload) { _ = try MasterKey(unwrapped: SecretBytes(copying: payload + [0]), context: context()) }
    var future = payload
    future[0] = 2
    expect(.wrongPayload) { _ = try MasterKey(unwrapped: SecretBytes(copying: future), context: context()) }
  }

  @Test("is another key with another id each time")
  func fresh() throws {
    let one = try MasterKey.generate()
    let two = try MasterKey.generate()
    let same = one.isSame(as: two)
    #expect(!same && one.id != two.id && one.checkValue != two.checkValue)
  }

  @Test("takes no value over the border of another in the context's digest")
  func digestIsFramed() throws {
    let digests = try [
      MasterKey.digest(of: context(project: "ab", cluster: "c")),
      MasterKey.digest(of: context(project: "a", cluster: "bc")),
      MasterKey.digest(of: context(project: "abc", cluster: nil)),
    ]
    #expect(Set(digests).count == 3)
  }
}
