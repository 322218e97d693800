// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Sealing
import Testing

@testable import KeyHierarchy

@Suite("A keystore on disk is proven to open under the key in use")
struct KeystoreProofTests {
  @Test("if it is whole and its master key is the one in memory")
  func proven() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    let keystore = try fixture.keystore(master)
    try SealedKeystore.read(from: fixture.path).verify(with: master, expecting: fixture.identity)
    let isUnder = keystore.isUnder(master)
    keystore.wipe()
    let isStill = keystore.isUnder(master)
    #expect(isUnder && !isStill)
  }

  @Test("not if memory or disk went over to another master key")
  func rotated() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    let keystore = try fixture.keystore(master)
    let next = try MasterKey.generate()
    try keystore.rewrap(under: next, wrapped: Fixture.wrapped(2), expectedVersion: 1)
    let (isUnderOld, isUnderNew) = (keystore.isUnder(master), keystore.isUnder(next))
    #expect(!isUnderOld && isUnderNew)
    let sealed = try SealedKeystore.read(from: fixture.path)
    expect(.wrongMasterKey) { try sealed.verify(with: master, expecting: fixture.identity) }
    try sealed.verify(with: next, expecting: fixture.identity)
  }

  @Test("not if it is another generation's, or one byte of it was altered")
  func foreignOrAltered() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    _ = try fixture.keystore(master)
    let other = try Fixture.identity()
    let sealed = try SealedKeystore.read(from: fixture.path)
    expect(.foreign) { try sealed.verify(with: master, expecting: other) }
    let bytes = try fixture.bytes
    for place in stride(from: 0, to: bytes.count, by: 7) {
      var altered = bytes
      altered[place] ^= 1
      try fixture.write(altered)
      var isRefused = false
      do { try SealedKeystore.read(from: fixture.path).verify(with: master, expecting: fixture.identity) } catch {
        isRefused = true
      }
      #expect(isRefused, "byte \(place)")
    }
  }
}
