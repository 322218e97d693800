// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Secrets
import Synchronization
import Testing

@testable import KeyHierarchy

/// A folder of one test with room for one keystore.
final class Fixture: Sendable {
  let folder: String
  let identity: KeystoreIdentity
  private let armed = Mutex<(step: KeystoreFile.Step, fault: KeystoreFile.Fault)?>(nil)
  private let seen = Mutex<[KeystoreFile.Step]>([])

  var path: String { folder + "/" + SealedKeystore.fileName }

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    folder = url.path
    identity = try Self.identity()
  }

  deinit { _ = try? FileManager.default.removeItem(atPath: folder) }

  static func identity(
    cluster: String = "main", node: String = "n1", generation: GenerationID = .random()
  ) throws -> KeystoreIdentity {
    KeystoreIdentity(cluster: try ClusterName(cluster), node: try NodeName(node), generation: generation)
  }

  /// What a KMS would give; nothing here looks into the blob.
  static func wrapped(_ marker: UInt8 = 1) -> WrappedMasterKey {
    WrappedMasterKey(
      provider: .aws, keyID: "arn:aws:kms:eu-central-1:111122223333:key/1", keyVersion: "7", region: "eu-central-1",
      createdAtMilliseconds: 1_700_000_000_000, blob: [UInt8](repeating: marker, count: 184))
  }

  static func database(_ name: String) throws -> KeyScope { .database(try DatabaseName(name)) }

  /// A keystore with four keys, whose file fails as armed.
  func keystore(_ master: borrowing MasterKey) throws -> Keystore {
    let keystore = try Keystore.create(
      in: file(), identity: identity, master: master, wrapped: Self.wrapped(),
      scopes: [.system, .oplog, Self.database("shop"), Self.database("Größe")])
    seen.withLock { $0 = [] }
    return keystore
  }

  func file() -> KeystoreFile {
    KeystoreFile(path: path) { [self] (step) throws(KeystoreFile.Fault) in
      seen.withLock { $0.append(step) }
      if let armed = armed.withLock({ $0 }), armed.step == step { throw armed.fault }
    }
  }

  func arm(_ step: KeystoreFile.Step, _ fault: KeystoreFile.Fault) { armed.withLock { $0 = (step, fault) } }
  func disarm() { armed.withLock { $0 = nil } }
  var steps: [KeystoreFile.Step] { seen.withLock { $0 } }

  var bytes: [UInt8] {
    get throws { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
  }

  func write(_ bytes: [UInt8], beside suffix: String = "") throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + suffix))
  }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
  }

  func open(_ master: borrowing MasterKey, as identity: KeystoreIdentity? = nil) throws -> Keystore {
    try SealedKeystore.read(from: path).open(with: master, expecting: identity ?? self.identity)
  }
}

/// Every key of a keystore in the clear, to compare two of them; only for test keys.
func plainKeys(_ keystore: Keystore) -> [KeyID: [UInt8]] {
  var keys: [KeyID: [UInt8]] = [:]
  for key in keystore.keys { keys[key.id] = keystore.withKey(key.id) { $0.unprotectedCopy() } }
  return keys
}

/// Expects a `KeystoreError` of this code.
@discardableResult
func expect(
  _ code: KeystoreError.Code, at location: SourceLocation = #_sourceLocation, _ work: () throws -> Void
) -> KeystoreError? {
  let error = #expect(throws: KeystoreError.self, sourceLocation: location, performing: work)
  #expect(error?.code == code, sourceLocation: location)
  return error
}
