// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Glibc
import Secrets
import Testing

@testable import KeyHierarchy

@Suite("A crash or a failing disk leaves the old or the new keystore, exactly")
struct KeystoreCrashTests {
  enum Change: Sendable, CaseIterable { case addKey, removeKey, rewrap }

  /// Makes the change; answers the keys it was meant to leave.
  private func make(_ change: Change, in keystore: Keystore, new: borrowing MasterKey) throws {
    switch change {
    case .addKey: try keystore.addKey(for: .oplog)
    case .removeKey: try keystore.removeKeys(Set(keystore.keys.suffix(1).map(\.id)))
    case .rewrap: try keystore.rewrap(under: new, wrapped: Fixture.wrapped(2), expectedVersion: 1)
    }
  }

  @Test("leaves old or new at every step of every change", arguments: Change.allCases, KeystoreFile.Step.allCases)
  func crashes(change: Change, step: KeystoreFile.Step) throws {
    let fixture = try Fixture()
    let old = try MasterKey.generate()
    let new = try MasterKey.generate()
    let keystore = try fixture.keystore(old)
    let (oldBytes, plain) = (try fixture.bytes, plainKeys(keystore))
    fixture.arm(step, .crash)
    expect(.damaged) { try make(change, in: keystore, new: new) }
    // The dead process's keystore takes nothing more; what it lent it lends on.
    fixture.disarm()
    expect(.damaged) { try keystore.addKey(for: .system) }
    #expect(plainKeys(keystore) == plain)

    let isNew = [.syncFolder, .finished].contains(step)
    #expect(try (fixture.bytes == oldBytes) == !isNew)
    let again = isNew && change == .rewrap ? try fixture.open(new) : try fixture.open(old)
    #expect(again.version == (isNew ? 2 : 1))
    let found = plainKeys(again)
    switch (isNew, change) {
    case (false, _), (true, .rewrap): #expect(found == plain)
    case (true, .addKey): #expect(found.count == 5 && plain.allSatisfy { found[$0.key] == $0.value })
    case (true, .removeKey): #expect(found.count == 3 && found.allSatisfy { plain[$0.key] == $0.value })
    }
    #expect(try fixture.names == [SealedKeystore.fileName])
    try again.addKey(for: .system)
  }

  @Test("leaves nothing or everything when it is made", arguments: KeystoreFile.Step.allCases)
  func crashesAtCreation(step: KeystoreFile.Step) throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    fixture.arm(step, .crash)
    expect(.damaged) { _ = try fixture.keystore(master) }
    fixture.disarm()
    if [.syncFolder, .finished].contains(step) {
      #expect(try fixture.open(master).keys.count == 4)
    } else {
      expect(.missing) { _ = try fixture.open(master) }
      #expect(try fixture.keystore(master).keys.count == 4)
    }
  }

  @Test("takes no notice of a half-written replacement, of any length, and removes it")
  func leftovers() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    let keystore = try fixture.keystore(master)
    let bytes = try fixture.bytes
    for count in stride(from: 0, through: bytes.count, by: 97) {
      try fixture.write(Array(bytes.prefix(count)), beside: ".new")
      #expect(try fixture.open(master).version == 1)
      #expect(try fixture.names == [SealedKeystore.fileName])
    }
    // Neither does a writer that is open already.
    try fixture.write([1, 2, 3], beside: ".new")
    try keystore.addKey(for: .system)
    #expect(try fixture.open(master).version == 2)
  }

  @Test("goes on after a write that failed", arguments: [KeystoreFile.Step.create, .write])
  func fullDisk(step: KeystoreFile.Step) throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    let keystore = try fixture.keystore(master)
    fixture.arm(step, .system(ENOSPC))
    let error = expect(.storage) { try keystore.addKey(for: .system) }
    #expect(error?.description.contains("No space left") == true)
    #expect(keystore.version == 1 && keystore.keys.count == 4 && keystore.isWritable)
    #expect(try fixture.names == [SealedKeystore.fileName])
    fixture.disarm()
    try keystore.addKey(for: .system)
    #expect(try fixture.open(master).keys == keystore.keys)
  }

  @Test(
    "takes no more changes after a sync or rename that failed, and lends its keys on",
    arguments: [KeystoreFile.Step.sync, .rename, .syncFolder])
  func failedSync(step: KeystoreFile.Step) throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    let keystore = try fixture.keystore(master)
    let plain = plainKeys(keystore)
    fixture.arm(step, .system(EIO))
    expect(.damaged) { try keystore.addKey(for: .system) }
    fixture.disarm()
    let steps = fixture.steps
    expect(.damaged) { try keystore.addKey(for: .system) }
    expect(.damaged) { try keystore.removeKeys([]) }
    #expect(fixture.steps == steps)
    #expect(!keystore.isWritable && plainKeys(keystore) == plain)
  }
}

@Suite("Wiped keys are gone")
struct KeystoreWipeTests {
  @Test("lends and changes nothing after it was wiped, and leaves the file alone")
  func wipes() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    let keystore = try fixture.keystore(master)
    let id = try #require(keystore.currentKey(for: .system))
    keystore.wipe()
    #expect(keystore.withKey(id) { $0.count } == nil)
    #expect(keystore.keys.isEmpty && keystore.version == 0 && keystore.wrappedMasterKey == nil && !keystore.isWritable)
    expect(.wiped) { _ = try keystore.cipher(for: id) }
    expect(.wiped) { try keystore.addKey(for: .system) }
    expect(.wiped) { try keystore.withMasterKey { _ in } }
    keystore.wipe()
    #expect(try fixture.open(master).keys.count == 4)
  }

  @Test("gives every slot of the secure heap back, also while a key is lent")
  func freesMemory() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture()
      let master = try MasterKey.generate()
      // Once before: OpenSSL's random generator takes some of the heap for itself when it is first used.
      try fixture.keystore(master).wipe()
      let before = SecureHeap.usedBytes
      do {
        let keystore = try fixture.open(master)
        let id = try #require(keystore.currentKey(for: .system))
        let whole = SecureHeap.usedBytes
        _ = keystore.withKey(id) { key in
          keystore.wipe()
          #expect(key.count == 32)
          #expect(SecureHeap.usedBytes == before + 32 && whole > before + 32)
        }
        #expect(SecureHeap.usedBytes == before)
      }
    }
  }

  @Test("puts no key back that a change under way had made")
  func wipesDuringChange() throws {
    let fixture = try Fixture()
    let master = try MasterKey.generate()
    _ = try fixture.keystore(master)
    let target = Box<Keystore>()
    let file = KeystoreFile(path: fixture.path) { step in if step == .sync { target.value?.wipe() } }
    let keystore = try SealedKeystore.read(from: file).open(with: master, expecting: fixture.identity)
    target.set(keystore)
    expect(.wiped) { try keystore.addKey(for: .system) }
    #expect(keystore.keys.isEmpty)
    #expect(try fixture.open(master).keys.count == 5)
  }
}
