// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyHierarchy
internal import KeyManagement
internal import Messages
internal import Sealing

/// Trying settings that are not in force.
extension NodeKeys {
  /// How long describing may take, after an unwrap: the coordinator waits for both.
  static let describeDeadline = Duration.seconds(4)

  /// Unwraps a stored master key under them and asks for the key's state: some refusals leave open which it is, so the
  /// right to ask is needed when the key goes away.
  func prove(_ wrapped: WrappedMasterKey, holds id: MasterKeyID, checkValue: KeyCheckValue) async
    -> SettingsProof.Outcome
  {
    do {
      let master = try await unwrap(wrapped)
      guard master.id == id, master.checkValue == checkValue else {
        return .failed(kind: "", operation: "", reason: "the KMS unwrapped another master key than the one stored")
      }
      _ = try await service.describe(deadline: Self.describeDeadline)
      return .proven
    } catch let error as KMSError {
      return .failed(kind: error.kind.rawValue, operation: error.operation.rawValue, reason: error.description)
    } catch {
      return .failed(kind: "", operation: "", reason: "\(error)")
    }
  }
}
