// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import Logging
internal import NIOCore
internal import Secrets

/// One call on its way through the engine, with the audit line it fills in.
struct EngineCall {
  let configuration: LocalKMSConfiguration
  let nowSeconds: Int64
  /// The time that signatures and tokens are checked against: ours, unless a fault sets it wrong.
  let clockSeconds: Int64
  var entry: AuditEntry
  /// The region the request is signed for.
  var region: String
  /// The session of a role that signed, nil if an access key did.
  var session: RoleSession?
  let faults: FaultBoard
  let logger: Logger

  init(
    configuration: LocalKMSConfiguration, nowSeconds: Int64, clockSeconds: Int64, entry: AuditEntry,
    faults: FaultBoard, logger: Logger
  ) {
    self.configuration = configuration
    self.nowSeconds = nowSeconds
    self.clockSeconds = clockSeconds
    self.entry = entry
    self.faults = faults
    self.logger = logger
    region = configuration.region
  }

  /// Authenticates, authorises and does what is asked in the words of a dialect.
  mutating func perform(_ request: KMSRequest, _ dialect: Dialect, _ vault: inout LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    if vault.state.isPurgeDue(nowSeconds: nowSeconds) {
      try change(&vault) { (state) throws(KMSFault) in _ = state.purge(nowSeconds: nowSeconds) }
    }
    switch dialect {
    case .aws: return KMSAnswer(try performAWS(request, &vault))
    case .azure: return try performAzure(request, &vault)
    case .entra: return try performEntra(request, vault)
    case .google: return try performGoogle(request, &vault)
    case .googleToken: return try performGoogleToken(request, vault)
    case .sts: return try performSTS(request, vault)
    case .metadata: return try performMetadata(request, vault)
    }
  }

  /// AWS KMS's actions and the local KMS's own.
  private mutating func performAWS(_ request: KMSRequest, _ vault: inout LocalKMSVault) throws(KMSFault)
    -> ByteBuffer
  {
    guard request.method == "POST" else { throw KMSFault("UnknownOperationException", "", status: 404) }
    let target = request.value("x-amz-target") ?? ""
    entry.action = AuditEntry.cleaned(target.split(separator: ".").last.map(String.init) ?? "")
    let accessKey = try authenticated(request, service: "kms", vault)
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
    case .replicateKey: return try replicateKey(fields, accessKey, &vault)
    case .rotateKeyOnDemand: return try rotateKey(fields, accessKey, &vault)
    case .listKeyRotations: return try listRotations(fields, accessKey, vault)
    case .getKeyRotationStatus: return try rotationStatus(fields, accessKey, vault)
    case .createRole: return try createRole(fields, accessKey, &vault)
    case .deleteRole: return try deleteRole(fields, accessKey, &vault)
    case .listRoles: return try listRoles(fields, accessKey, vault)
    case .setMachine: return try setMachine(fields, accessKey, &vault)
    case .setFault: return try setFault(fields, accessKey, vault)
    case .clearFaults: return try clearFaults(fields, accessKey, vault)
    case .listFaults: return try listFaults(accessKey, vault)
    case .createIdentity: return try createIdentity(fields, accessKey, &vault)
    case .deleteIdentity: return try deleteIdentity(fields, accessKey, &vault)
    case .listIdentities: return try listIdentities(fields, accessKey, vault)
    case .listForeignKeys: return try listForeignKeys(fields, accessKey, vault)
    case .relay: return try relay(fields, accessKey, &vault)
    case .listDenials: return try listDenials(fields, accessKey, vault)
    }
  }

  /// The access key that signed the request, or one made of the session that did.
  mutating func authenticated(_ request: KMSRequest, service: String, _ vault: borrowing LocalKMSVault)
    throws(KMSFault) -> LocalKMSState.AccessKey
  {
    let claim = try RequestVerifier.claim(of: request)
    entry.accessKeyID = AuditEntry.cleaned(claim.accessKeyID)
    let verifier = RequestVerifier(
      region: configuration.region, regions: vault.state.regions(home: configuration.region), service: service,
      nowSeconds: clockSeconds)
    let time = try verifier.time(of: request, claim)
    let unknown = KMSFault("UnrecognizedClientException", "The security token included in the request is invalid.")
    let token = request.value("x-amz-security-token")
    let expires: Int64?
    let accessKey: LocalKMSState.AccessKey
    if let found = vault.state.accessKeys[claim.accessKeyID], let secret = vault.secret(claim.accessKeyID) {
      guard token.map({ Hexadecimal.text(SigningHash.sha256($0)) }) == found.sessionTokenHash else { throw unknown }
      try verifier.verify(request, claim, time: time, secret: secret)
      (accessKey, expires) = (found, found.expiresSeconds)
    } else if let token, let opened = openedSession(token, claim.accessKeyID, vault) {
      try verifier.verify(request, claim, time: time, secret: opened.secret)
      accessKey = LocalKMSState.AccessKey(
        id: claim.accessKeyID, createdSeconds: nowSeconds, isRoot: false, sealedSecret: opened.session.sealedSecret)
      (session, expires) = (opened.session, opened.session.expiresSeconds)
    } else {
      throw unknown
    }
    if let expires, expires <= clockSeconds {
      throw KMSFault("ExpiredTokenException", "The security token included in the request is expired")
    }
    region = claim.scope.region
    return accessKey
  }

  /// Refuses an action that is not allowed.
  func authorize(
    _ action: KMSAction, _ accessKey: LocalKMSState.AccessKey, keyID: String? = nil, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) {
    let isAllowed =
      session.map { allows($0, action, keyID: keyID, vault) }
      ?? vault.state.allows(action, accessKey: accessKey, keyID: keyID)
    guard isAllowed else {
      let resource = keyID.map { " on resource: \(arn($0))" } ?? ""
      throw KMSFault(
        "AccessDeniedException",
        "User: \(principal(accessKey)) is not authorized to perform: "
          + "kms:\(action.name)\(resource)")
    }
  }

  /// The place of the key a request names by id or ARN; it need not exist.
  mutating func keyID(_ fields: RequestFields) throws(KMSFault) -> String {
    let text = try fields.required("KeyId")
    entry.keyID = AuditEntry.cleaned(text)
    let id: String
    if text.hasPrefix("arn:") {
      guard let key = try? KeyARN(text), key.region == region, key.account == configuration.accountID
      else { throw .notFound(text) }
      id = key.id
    } else {
      id = text
    }
    guard KeyIdentifier.bytes(id) != nil else {
      throw text.hasPrefix("alias/")
        ? .unsupported("aliases") : .validation("Invalid keyId \(AuditEntry.cleaned(text))")
    }
    let slot = KeySlot(id: id, region: region, home: configuration.region).text
    entry.keyID = arn(slot)
    return slot
  }

  /// The ARN of a key's place.
  func arn(_ slot: String) -> String {
    let place = KeySlot(slot)
    return "arn:aws:kms:\(place.region(home: configuration.region)):\(configuration.accountID):key/\(place.id)"
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

  /// A refusal as it is; any other failure in the dialect's words, its cause goes to the log.
  func failed(_ error: any Error, _ dialect: Dialect) -> KMSFault {
    if let fault = error as? KMSFault { return fault }
    _ = self.internal(error)
    return dialect.failure
  }
}
