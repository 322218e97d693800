// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel
internal import NIOCore
internal import Secrets

/// The question that assumes a role (STS API reference, AssumeRole), without whoever asks it.
struct AssumedRole: Sendable {
  let arn: String
  let externalID: String?
  let key: KeyARN
  /// Where STS is asked.
  let endpoint: HTTPEndpoint

  private static let contentType = (
    name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8"
  )

  /// The parameters of AssumeRole.
  func form(_ context: KeyContext?, seconds: Int64) -> String {
    let who = context.map { $0.node?.text ?? "coordinator" } ?? "describe"
    var fields = [
      ("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", arn),
      ("RoleSessionName", String("keyfold-\(who)".prefix(64))), ("DurationSeconds", String(seconds)),
      ("Policy", policy(context)),
    ]
    if let externalID { fields.append(("ExternalId", externalID)) }
    return fields.map { "\($0.0)=\(PercentEncoding.text($0.1))" }.joined(separator: "&")
  }

  /// What a session may do: describe this key, and use it with exactly this context.
  private func policy(_ context: KeyContext?) -> String {
    let resource =
      key.isMultiRegion ? "arn:\(key.partition):kms:*:\(key.account):key/\(key.id)" : key.description
    func statement(_ actions: [String], _ condition: [JSONValue.Member]) -> JSONValue {
      .object(
        [
          .init("Effect", .string("Allow")), .init("Action", .array(actions.map { .string($0) })),
          .init("Resource", .string(resource)),
        ] + condition)
    }
    var statements = [statement(["kms:DescribeKey"], [])]
    if let context {
      let pairs = Dictionary(uniqueKeysWithValues: context.pairs.map { ("kms:EncryptionContext:\($0.key)", $0.value) })
      statements.append(
        statement(
          ["kms:Encrypt", "kms:Decrypt"], [.init("Condition", .object([.init("StringEquals", .texts(pairs))]))]))
    }
    let policy = JSONValue.object([.init("Version", .string("2012-10-17")), .init("Statement", .array(statements))])
    return String(decoding: policy.encoded(), as: UTF8.self)
  }

  /// The headers of the request, signed now.
  func headers(_ body: ByteBuffer, signedWith credentials: AWSCredentials, clock: WallClock) throws(SecretsError)
    -> [(name: String, value: String)]
  {
    let signer = AWSSigner(service: "sts", region: key.region, credentials: credentials, clock: clock)
    return try signer.headers(endpoint, [Self.contentType], body: body)
  }

  /// The headers of a request that somebody else has signed.
  func headers(_ signed: SignedRoleRequest) -> [(name: String, value: String)] {
    [
      (name: "Host", value: endpoint.authority), Self.contentType,
      (name: "X-Amz-Date", value: CivilTime(seconds: signed.signedAtSeconds).basic),
      (name: "Authorization", value: BearerText.text(signed.authorization)),
    ] + PlainHeaders.all
  }
}
