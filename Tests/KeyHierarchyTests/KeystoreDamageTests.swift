// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Sealing
import Secrets
import Testing

@testable import KeyHierarchy

@Suite("A keystore that is not what this node wrote does not open")
struct KeystoreDamageTests {
  @Test("refuses a file with any byte changed, naming the file, before any key is at hand")
  func flips() throws {
    let fixture = try Fixture()
    _ = try fixture.keystore(MasterKey.generate())
    let bytes = try fixture.bytes
    let code = bytes.count - 32
    for position in 0..<code {
      for mask in [UInt8(0x01), 0x80, 0xFF] {
        var altered = bytes
        altered[position] ^= mask
        let error = #expect(throws: KeystoreError.self) { try KeystoreContents(decoding: altered, path: fixture.path) }
        // The format's number is the one field that may as well be a newer version's.
        #expect(error?.code == ((8..<10).contains(position) ? .futureFormat : .corrupt))
        #expect(error?.description.contains(fixture.path) == true)
      }
    }
  }

  @Test("refuses a file whose code was changed, or made by somebody without the master key")
  func forgeries() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    _ = try fixture.keystore(master)
    let bytes = try fixture.bytes
    for position in bytes.count - 32..<bytes.count {
      var altered = bytes
      altered[position] ^= 1
      try fixture.write(altered)
      expect(.forged) { _ = try fixture.open(master) }
    }
    // Whoever writes the disk can repair the checksum, for every byte before it, but not the code.
    let body = Array(bytes.dropLast(64))
    for position in body.indices {
      var altered = body
      altered[position] ^= 1
      try fixture.write(altered + MessageAuthentication.sha256(altered) + bytes.suffix(32))
      #expect(throws: KeystoreError.self) { _ = try fixture.open(master) }
    }
  }

  @Test("refuses a file cut to any length, or grown")
  func truncations() throws {
    let fixture = try Fixture()
    _ = try fixture.keystore(MasterKey.generate())
    let bytes = try fixture.bytes
    for count in 0..<bytes.count {
      let error = #expect(throws: KeystoreError.self) {
        try KeystoreContents(decoding: Array(bytes.prefix(count)), path: fixture.path)
      }
      #expect(error?.code == .corrupt)
    }
    try fixture.write(bytes + [0])
    expect(.corrupt) { _ = try SealedKeystore.read(from: fixture.path) }
    try fixture.write(Array(bytes.prefix(50)))
    expect(.corrupt) { _ = try SealedKeystore.read(from: fixture.path) }
  }

  @Test("refuses lengths and numbers that lie, though the checksum is right")
  func hostile() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    _ = try fixture.keystore(master)
    let body = Array(try fixture.bytes.dropLast(64))
    for position in 10..<body.count {
      for value in [UInt8(0), 0x7F, 0xFF] where body[position] != value {
        var altered = body
        altered[position] = value
        let file = altered + (try MessageAuthentication.sha256(altered)) + [UInt8](repeating: 0, count: 32)
        try fixture.write(file)
        #expect(throws: KeystoreError.self) { _ = try fixture.open(master) }
      }
    }
  }

  @Test("names a format of the future")
  func future() throws {
    let fixture = try Fixture()
    _ = try fixture.keystore(MasterKey.generate())
    var bytes = try fixture.bytes
    bytes[9] = 2
    try fixture.write(bytes)
    let error = expect(.futureFormat) { _ = try SealedKeystore.read(from: fixture.path) }
    #expect(error?.description.contains("upgrade") == true)
  }

  @Test("refuses another node's, cluster's or generation's keystore, whichever master key is at hand")
  func swapped() throws {
    let (ours, theirs) = (try Fixture(), try Fixture())
    let master = try MasterKey.generate()
    _ = try ours.keystore(master)
    let identity = ours.identity
    let others = [
      try Fixture.identity(cluster: "other", generation: identity.generation),
      try Fixture.identity(node: "n2", generation: identity.generation), try Fixture.identity(),
    ]
    for other in others { expect(.foreign) { _ = try ours.open(master, as: other) } }
    let otherMaster = try MasterKey.generate()
    _ = try theirs.keystore(otherMaster)
    try ours.write(theirs.bytes)
    expect(.foreign) { _ = try ours.open(otherMaster) }
    expect(.foreign) { _ = try ours.open(master) }
  }

  @Test("says that the master key is wrong, not the file")
  func wrongMaster() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    _ = try fixture.keystore(master)
    let error = expect(.wrongMasterKey) { _ = try fixture.open(MasterKey.generate()) }
    #expect(error?.description.contains(master.checkValue.text) == true)
  }

  @Test("says that the file is missing, or no file")
  func missing() throws {
    let fixture = try Fixture()
    expect(.missing) { _ = try SealedKeystore.read(from: fixture.path) }
    expect(.corrupt) { _ = try SealedKeystore.read(from: fixture.folder) }
    try fixture.write([])
    expect(.corrupt) { _ = try SealedKeystore.read(from: fixture.path) }
  }
}
