// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
internal import NIOCore
public import Secrets

/// A request to assume a role, signed by who has the access key for a node that has not.
///
/// The node sends it to the role's issuer itself, and gets its session from there: the access key never leaves the
/// coordinator, no session ever passes through it, and what the issuer refuses, the node has seen from its own address.
/// The body, with the policy that narrows the session to the node's own encryption context, is under the signature; STS
/// takes it for some minutes only (IAM user guide, "Signature Version 4", date).
public struct SignedRoleRequest: Sendable {
  /// How long such a session holds, in seconds: STS's own default, which every role allows. A node whose coordinator is
  /// away can so ask for the key's state at two scheduled checks; whether the role can still be assumed, nodes ask at
  /// each check all the same.
  public static let sessionSeconds: Int64 = 3600
  /// The longest body that is signed or sent, in bytes.
  public static let maximumFormBytes = 16 << 10

  /// The body.
  public let form: String
  /// The `Authorization` header: for some minutes, who has it gets the session.
  public let authorization: Secret
  /// The time that was signed, by the signer's clock, in seconds since 1970.
  public let signedAtSeconds: Int64

  /// Makes a request of its parts.
  public init(form: String, authorization: Secret, signedAtSeconds: Int64) {
    self.form = form
    self.authorization = authorization
    self.signedAtSeconds = signedAtSeconds
  }

  /// Signs for who has `context`, with the role of `settings` and `secret`, the access key's; throws what is wrong with
  /// them. `region` is that of the settings or of one of their replicas.
  public static func sign(
    _ settings: KMSSettings, secret: Secret, region: String, context: KeyContext, clock: WallClock = .system
  ) throws(KMSError) -> SignedRoleRequest {
    func fault(_ detail: String) -> KMSError {
      KMSError(.invalidSettings, operation: .configure, keyID: settings.keyID, detail: detail)
    }
    let replica = settings.replicas?.first { $0.region == region }
    guard let own = region == settings.region ? settings : replica.flatMap({ settings.settings(of: $0) }) else {
      throw fault("the settings name no region \(region)")
    }
    guard case .awsRole(_, _, let id?) = own.credentials, let role = try? AssumedRole(own) else {
      throw fault("the settings name no role that an access key assumes")
    }
    let form = role.form(context, seconds: sessionSeconds)
    let now = clock.nowSeconds
    do {
      let headers = try role.headers(
        ByteBuffer(string: form), signedWith: AWSCredentials(accessKeyID: id, secretKey: secret),
        clock: WallClock { now * 1000 })
      let authorization = headers.first { $0.name == "Authorization" }?.value ?? ""
      return SignedRoleRequest(
        form: form, authorization: Secret(try SecretBytes(copying: Array(authorization.utf8))), signedAtSeconds: now)
    } catch {
      throw KMSError(.localFailure, operation: .configure, keyID: settings.keyID, detail: error.description)
    }
  }
}

/// Who has the access key that assumes a role, as somebody sees who has not.
public protocol RoleSigner: Sendable {
  /// Tells one signer from another: what a service holds is of one of them.
  var name: String { get }

  /// A request for a session in a region, signed now.
  func signedRequest(region: String, within timeout: Duration) async throws(RoleSignerFailure) -> SignedRoleRequest
}

/// Why nothing was signed. None of it says anything of the role or of the key.
public enum RoleSignerFailure: Error, Sendable, Equatable {
  /// The signer can't be reached, or did not answer.
  case unreachable(String)
  /// Others come first: ask again after this time.
  case busy(Duration)
  /// The signer does not sign this.
  case declined(String)
}

extension AssumedRole {
  /// The role that settings name; throws what is wrong with them.
  init(_ settings: KMSSettings) throws {
    guard case .awsRole(let arn, let externalID, _) = settings.credentials,
      let key = try KeyARN(settings.keyID).inRegion(settings.region)
    else { throw ModelError(.invalidSettings, "the settings name no role, or a key of another region") }
    self.init(
      arn: arn, externalID: externalID, key: key,
      endpoint: try settings.issuerEndpoint.map { try HTTPEndpoint($0) }
        ?? HTTPEndpoint(service: "sts", region: key.region, partition: key.partition))
  }
}
