// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// AWS STS: roles and their sessions.
extension EngineCall {
  private static let errorNames: [String: (type: String, status: Int)] = [
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400), "ExpiredTokenException": ("ExpiredToken", 403),
    "AccessDeniedException": ("AccessDenied", 403), "KMSInternalException": ("InternalFailure", 500),
  ]

  mutating func performSTS(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    entry.action = "STS"
    do throws(KMSFault) {
      guard request.method == "POST", let form = request.form else {
        throw KMSFault("InvalidAction", "The request is not a POST with a form.")
      }
      entry.action = AuditEntry.cleaned(form["Action"] ?? "")
      let accessKey = try authenticated(request, service: "sts", vault)
      switch form["Action"] {
      case "AssumeRole": return try assumeRole(form, accessKey, vault)
      case "GetCallerIdentity": return callerIdentity(accessKey)
      default: throw KMSFault("InvalidAction", "Could not find operation \(entry.action) for version 2011-06-15")
      }
    } catch {
      guard let name = Self.errorNames[error.type] else { throw error }
      throw KMSFault(name.type, error.message, status: name.status)
    }
  }

  private mutating func assumeRole(
    _ form: [String: String], _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> KMSAnswer {
    let known: Set = [
      "Action", "Version", "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds", "Policy",
    ]
    if let unknown = form.keys.first(where: { !known.contains($0) }) {
      throw KMSFault("ValidationError", "The local KMS does not support \(AuditEntry.cleaned(unknown)).")
    }
    let arn = form["RoleArn"] ?? ""
    let prefix = "arn:aws:iam::\(configuration.accountID):role/"
    let denied = KMSFault(
      "AccessDenied",
      "User: \(principal(accessKey)) is not authorized to perform: sts:AssumeRole on resource: "
        + AuditEntry.cleaned(arn), status: 403)
    guard arn.hasPrefix(prefix), let role = vault.state.roles[String(arn.dropFirst(prefix.count))] else { throw denied }
    entry.keyID = arn
    let isTrusted = role.trusted.isEmpty || role.trusted.contains(accessKey.id)
    guard isTrusted, session == nil, role.externalID == nil || role.externalID == form["ExternalId"] else {
      throw denied
    }
    guard let name = form["RoleSessionName"], name.utf8.count >= 2, Role.isName(name) else {
      throw KMSFault("ValidationError", "RoleSessionName must have 2 to 64 of the characters [\\w+=,.@-].")
    }
    guard let seconds = Int64(form["DurationSeconds"] ?? "3600"), Role.sessionSeconds.contains(seconds) else {
      throw KMSFault("ValidationError", "DurationSeconds must be between 900 and 43200.")
    }
    if let policy = form["Policy"] { _ = try SessionPolicy(policy) }
    let issued = try newSession(role, name: name, seconds: seconds, policy: form["Policy"], vault)
    let expiration = CivilTime(seconds: issued.expiresSeconds).extended
    var body = ByteBuffer()
    body.reserveCapacity(4096)
    body.writeString(
      "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>"
        + XMLText.element("AssumedRoleId", "AROA\(role.name):\(name)")
        + XMLText.element("Arn", assumedARN(role.name, name)) + "</AssumedRoleUser><Credentials>"
        + XMLText.element("AccessKeyId", issued.accessKeyID) + "<SecretAccessKey>")
    issued.secret.withBytes { _ = body.writeBytes($0) }
    body.writeString(
      "</SecretAccessKey>" + XMLText.element("SessionToken", issued.token) + XMLText.element("Expiration", expiration)
        + "</Credentials></AssumeRoleResult><ResponseMetadata>" + XMLText.element("RequestId", entry.requestID)
        + "</ResponseMetadata></AssumeRoleResponse>")
    return KMSAnswer(body)
  }

  private func callerIdentity(_ accessKey: LocalKMSState.AccessKey) -> KMSAnswer {
    KMSAnswer(
      ByteBuffer(
        string: "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
          + "<GetCallerIdentityResult>" + XMLText.element("Arn", principal(accessKey))
          + XMLText.element("UserId", accessKey.id) + XMLText.element("Account", configuration.accountID)
          + "</GetCallerIdentityResult><ResponseMetadata>" + XMLText.element("RequestId", entry.requestID)
          + "</ResponseMetadata></GetCallerIdentityResponse>"))
  }

  /// The credentials of a new session.
  struct IssuedSession {
    let accessKeyID: String
    let secret: Secret
    let token: String
    let expiresSeconds: Int64
  }

  /// Makes a session of a role; it is remembered nowhere but in its token.
  func newSession(
    _ role: Role, name: String, seconds: Int64, policy: String?, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> IssuedSession {
    do {
      let secret = Secret(try Self.randomSecret())
      let id = KeyIdentifier.randomAccessKey(isTemporary: true)
      let expires = clockSeconds + seconds
      let sealed = try secret.withSecret { (secret) throws(LocalKMSError) in try vault.seal(secret, for: id) }
      let token = try vault.token(
        RoleSession(
          accessKeyID: id, sealedSecret: sealed, role: role.name, roleID: role.id, name: name, expiresSeconds: expires,
          policy: policy),
        purpose: "session")
      return IssuedSession(accessKeyID: id, secret: secret, token: token, expiresSeconds: expires)
    } catch { throw failed(error, .sts) }
  }

  /// The session of a request's token, with its secret; nil if the token is none of a session.
  func openedSession(_ token: String, _ accessKeyID: String, _ vault: borrowing LocalKMSVault)
    -> (session: RoleSession, secret: Secret)?
  {
    guard let session = vault.contents(of: token, purpose: "session", as: RoleSession.self),
      session.accessKeyID == accessKeyID, vault.state.roles[session.role]?.id == session.roleID,
      let secret = try? vault.open(session.sealedSecret, for: accessKeyID)
    else { return nil }
    return (session, Secret(secret))
  }

  /// Whether the session's role and policy let an action happen.
  func allows(_ session: RoleSession, _ action: KMSAction, keyID: String?, _ vault: borrowing LocalKMSVault) -> Bool {
    guard action.group != .administer else { return false }
    let isDenied = keyID.flatMap { vault.state.keys[$0] }?.deniedAccessKeys.contains("role/\(session.role)") ?? false
    guard !isDenied else { return false }
    guard let text = session.policy else { return true }
    guard let policy = try? SessionPolicy(text) else { return false }
    return policy.allows("kms:\(action.name)", resource: keyID.map { arn($0) } ?? "*", context: entry.context)
  }

  /// The ARN of whoever signed.
  func principal(_ accessKey: LocalKMSState.AccessKey) -> String {
    if let session { return assumedARN(session.role, session.name) }
    return "arn:aws:iam::\(configuration.accountID):user/\(accessKey.id)"
  }

  private func assumedARN(_ role: String, _ session: String) -> String {
    "arn:aws:sts::\(configuration.accountID):assumed-role/\(role)/\(session)"
  }
}

/// Roles and the machine's identity, which AWS keeps in IAM and EC2; these actions are the local KMS's own.
extension EngineCall {
  mutating func createRole(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.createRole, accessKey, vault)
    let name = try fields.required("Name", limit: 64)
    guard Role.isName(name) else { throw .validation("Name must have 1 to 64 of the characters [\\w+=,.@-]") }
    guard vault.state.roles[name] == nil else {
      throw KMSFault("AlreadyExistsException", "there is a role \(name) already")
    }
    guard vault.state.roles.count < Role.maximumCount else {
      throw KMSFault("LimitExceededException", "there are \(Role.maximumCount) roles already")
    }
    let trusted = try fields.text("Trusted")
    let role = Role(
      name: name, id: KeyIdentifier.random(), createdSeconds: nowSeconds, trusted: trusted.map { [$0] } ?? [],
      externalID: try fields.text("ExternalId", limit: 1224))
    try change(&vault) { (state) throws(KMSFault) in state.roles[name] = role }
    return AWSRequestBody.plain([.init("Arn", .string("arn:aws:iam::\(configuration.accountID):role/\(name)"))])
  }

  mutating func deleteRole(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.deleteRole, accessKey, vault)
    let name = try fields.required("Name", limit: 64)
    guard vault.state.roles[name] != nil else { throw .missing("there is no role \(name)") }
    try change(&vault) { (state) throws(KMSFault) in state.roles[name] = nil }
    return ByteBuffer()
  }

  mutating func listRoles(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.listRoles, accessKey, vault)
    let (page, next) = try Self.page(vault.state.roles.keys.sorted(), fields)
    let roles = page.map { name in
      JSONValue.object([
        .init("Name", .string(name)), .init("Arn", .string("arn:aws:iam::\(configuration.accountID):role/\(name)")),
        .init("Trusted", .string(vault.state.roles[name]?.trusted.first ?? "")),
        .init("ExternalId", .bool(vault.state.roles[name]?.externalID != nil)),
      ])
    }
    return AWSRequestBody.plain([.init("Roles", .array(roles))] + Self.tail(next))
  }

  mutating func setMachine(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.setMachine, accessKey, vault)
    let machine = MachineIdentity(
      role: try fields.text("Role"), client: try fields.text("Client"),
      serviceAccount: try fields.text("ServiceAccount"))
    if let role = machine.role, vault.state.roles[role] == nil { throw .missing("there is no role \(role)") }
    for (id, kind) in [(machine.client, Identity.Kind.azure), (machine.serviceAccount, .google)] {
      guard let id else { continue }
      guard vault.state.identities[id]?.kind == kind else {
        throw .missing("there is no identity \(id) of \(kind.rawValue)'s dialect")
      }
    }
    try change(&vault) { (state) throws(KMSFault) in state.machine = machine }
    return ByteBuffer()
  }
}
