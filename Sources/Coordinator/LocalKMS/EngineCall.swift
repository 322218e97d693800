// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import Logging
internal import NIOCore
internal import Secrets

/// One call on its way through the engine, with the audit line it fills in.
struct EngineCall {
  let configuration: LocalKMSConfiguration
  let nowSeconds: Int64
  var entry: AuditEntry
  let logger: Logger

  /// Authenticates, authorises and does what is asked; answers the body.
  mutating func perform(_ request: KMSRequest, _ vault: inout LocalKMSVault) throws(KMSFault) -> ByteBuffer {
    guard request.method == "POST" else { throw KMSFault("UnknownOperationException", "", status: 404) }
    if vault.state.isPurgeDue(nowSeconds: nowSeconds) {
      try change(&vault) { (state) throws(KMSFault) in _ = state.purge(nowSeconds: nowSeconds) }
    }
    let target = request.value("x-amz-target") ?? ""
    entry.action = AuditEntry.cleaned(target.split(separator: ".").last.map(String.init) ?? "")
    let accessKey = try authenticated(request, vault)
    guard let action = KMSAction(rawValue: target) else { throw KMSFault("UnknownOperationException", "") }
    let fields = try RequestFields(request.body, of: action)
    switch action {
    case .createKey: return try createKey(fields, accessKey, &vault)
    case .encrypt: return try encrypt(fields, accessKey, vault)
    case .decrypt: return try decrypt(fields, accessKey, vault)
    case .generateDataKey: return try generateDataKey(fields, accessKey, vault)
    case .describeKey: return try describeKey(fields, accessKey, vault)
    case .enableKey, .disableKey: return try setEnabled(action, fields, accessKey, &vault)
    case .scheduleKeyDeletion: return try scheduleDeletion(fields, accessKey, &vault)
    case .cancelKeyDeletion: return try cancelDeletion(fields, accessKey, &vault)
    case .listKeys: return try listKeys(fields, accessKey, vault)
    case .createAccessKey: return try createAccessKey(fields, accessKey, &vault)
    case .deleteAccessKey: return try deleteAccessKey(fields, accessKey, &vault)
    case .listAccessKeys: return try listAccessKeys(fields, accessKey, vault)
    case .denyAccess, .allowAccess: return try setDenied(action, fields, accessKey, &vault)
    }
  }

  /// The access key that signed the request.
  private mutating func authenticated(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> LocalKMSState.AccessKey
  {
    let claim = try RequestVerifier.claim(of: request)
    entry.accessKeyID = AuditEntry.cleaned(claim.accessKeyID)
    let verifier = RequestVerifier(region: configuration.region, nowSeconds: nowSeconds)
    let time = try verifier.time(of: request, claim)
    let unknown = KMSFault("UnrecognizedClientException", "The security token included in the request is invalid.")
    guard let accessKey = vault.state.accessKeys[claim.accessKeyID], let secret = vault.secret(claim.accessKeyID) else {
      throw unknown
    }
    let token = request.value("x-amz-security-token")
    guard token.map({ Hexadecimal.text(SigningHash.sha256($0)) }) == accessKey.sessionTokenHash else { throw unknown }
    try verifier.verify(request, claim, time: time, secret: secret)
    if let expires = accessKey.expiresSeconds, expires <= nowSeconds {
      throw KMSFault("ExpiredTokenException", "The security token included in the request is expired")
    }
    return accessKey
  }

  /// Refuses an action that is not allowed.
  func authorize(
    _ action: KMSAction, _ accessKey: LocalKMSState.AccessKey, keyID: String? = nil, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) {
    guard vault.state.allows(action, accessKey: accessKey, keyID: keyID) else {
      let resource = keyID.map { " on resource: \(arn($0))" } ?? ""
      throw KMSFault(
        "AccessDeniedException",
        "User: arn:aws:iam::\(configuration.accountID):user/\(accessKey.id) is not authorized to perform: "
          + "kms:\(action.name)\(resource)")
    }
  }

  /// The id of the key a request names by id or ARN; it need not exist.
  mutating func keyID(_ fields: RequestFields) throws(KMSFault) -> String {
    let text = try fields.required("KeyId")
    entry.keyID = AuditEntry.cleaned(text)
    let id: String
    if text.hasPrefix("arn:") {
      guard let key = try? KeyARN(text), key.region == configuration.region, key.account == configuration.accountID
      else { throw .notFound(text) }
      id = key.id
    } else {
      id = text
    }
    guard KeyIdentifier.bytes(id) != nil else {
      throw text.hasPrefix("alias/") ? .unsupported("aliases") : .validation("Invalid keyId")
    }
    entry.keyID = arn(id)
    return id
  }

  /// The ARN of a key id.
  func arn(_ id: String) -> String {
    "arn:aws:kms:\(configuration.region):\(configuration.accountID):key/\(id)"
  }

  /// Makes a change durable, or leaves everything as it was.
  func change(_ vault: inout LocalKMSVault, _ body: (inout LocalKMSState) throws(KMSFault) -> Void) throws(KMSFault) {
    var next = vault.state
    try body(&next)
    do { try vault.replace(with: next) } catch {
      logger.error("a change cannot be made durable", metadata: ["cause": "\(error)"])
      throw .internal
    }
  }

  /// Turns a failure below into an answer; its cause goes to the log.
  func `internal`(_ error: any Error) -> KMSFault {
    logger.error("a call failed", metadata: ["cause": "\(error)", "request": "\(entry.requestID)"])
    return .internal
  }
}
