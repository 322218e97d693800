// SPDX-License-Identifier: GPL-3.0-or-later

/// KMS's KeyMetadata as a description.
package enum AWSKeyMetadata {
  /// Reads a KeyMetadata object; throws if it is none, or of a key that is not `isExpected`.
  package static func description(
    _ metadata: JSONItem, in bytes: Span<UInt8>, call: AWSClient.Call, isExpected: (KeyARN) -> Bool
  ) throws(KMSError) -> KMSKeyDescription {
    guard let arn = metadata.member("Arn")?.text(in: bytes), let key = try? KeyARN(arn), isExpected(key),
      let state = metadata.member("KeyState")?.text(in: bytes), state.utf8.count <= 64
    else { throw call.error(.malformedAnswer, "HTTP status 200 with a body that does not describe this key") }
    return KMSKeyDescription(
      keyID: arn, state: state.isEmpty ? .unknown : .init(rawValue: state) ?? .unknown, providerState: state,
      summary: metadata.member("Description")?.text(in: bytes) ?? "",
      deletionSeconds: metadata.member("DeletionDate")?.number(in: bytes))
  }
}
