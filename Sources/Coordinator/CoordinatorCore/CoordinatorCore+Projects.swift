// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension CoordinatorCore {
  /// Makes a project, of which `creator` becomes project owner; throws `CoordinatorError` if the name is taken or an
  /// address is no mail address.
  public mutating func createProject(
    _ name: ProjectName, owners: [String] = [], by creator: OperatorName? = nil, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    guard projectRecords[name] == nil else {
      throw CoordinatorError(
        .alreadyExists, "Project \(name) exists already.", next: "See it with: keyfold project show \(name)")
    }
    guard projectRecords.count < CoordinatorLimits.maximumProjects else {
      throw CoordinatorError(.refused, "There are \(CoordinatorLimits.maximumProjects) projects, the most allowed.")
    }
    try Self.check(owners: owners)
    let project = ProjectRecord(name: name, owners: owners, createdAt: now)
    put(project)
    if let creator, var known = operatorRecords[creator] {
      known.roles = known.roles ?? OperatorRoles(.member)
      known.roles?.projects[name.text] = .projectOwner
      put(known)
    }
    return Decision(project, flush())
  }

  /// Checks that these settings may become the project's, and names the version under which the shell proves them.
  ///
  /// The shell then wraps and unwraps a canary under them, stores the sealed secret under this version, and calls
  /// `onKMSProven`. Throws `CoordinatorError` if the project is unknown or the settings may not be used: while a key is
  /// revoked, only credentials, endpoint and authority of the same key can change.
  /// Private networking that is required goes on being required, unless it is dropped in so many words.
  public func settingsVersion(
    proposing settings: KMSSettings, for name: ProjectName, dropsPrivateNetwork: Bool = false
  ) throws(CoordinatorError) -> UInt64 {
    let project = try self.project(name)
    try Self.check(settings)
    try Self.checkPrivateNetwork(of: settings, inPlaceOf: project, isDropped: dropsPrivateNetwork)
    try checkKeyOfData(in: project, settings)
    try checkKeyChange(of: project, to: settings)
    return project.settingsVersion &+ 1
  }

  /// Takes up settings that were just proven with this canary; throws `CoordinatorError` if others were faster.
  ///
  /// The proof counts as a valid check that began at `startedAt`. If they name another key than data is under, the old
  /// key's settings stay beside them, and every cluster gets a plan to change its nodes' keys.
  public mutating func onKMSProven(
    _ name: ProjectName, settings: KMSSettings, dropsPrivateNetwork: Bool = false, settingsVersion: UInt64,
    canary: WrappedMasterKey, startedAt: Instant? = nil, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    let expected = try self.settingsVersion(
      proposing: settings, for: name, dropsPrivateNetwork: dropsPrivateNetwork)
    guard expected == settingsVersion else {
      throw CoordinatorError(
        .conflict, "The KMS settings of project \(name) were not changed.",
        why: "They were changed by somebody else while these were being proven.", next: "Look at them and try again.")
    }
    var project = try self.project(name)
    if project.kms?.keyID != settings.keyID { supersedeKeyChanges(of: name, now: now) }
    if project.kms.map({ !CustomerKey.isSame($0.keyID, settings.keyID) }) ?? true { project.keySince = now }
    keepFormerKey(of: &project, replacedBy: settings, now: now)
    project.kms = settings
    project.leftKeys = keysToLeave(in: project)
    project.settingsVersion = settingsVersion
    project.canary = canary
    project.lastCheck = CheckReport(
      verdict: .valid, customerKeyID: settings.keyID, settingsVersion: settingsVersion,
      startedAtMilliseconds: (startedAt ?? now).milliseconds)
    project.trouble = nil
    put(project)
    audit(
      "kms settings in force", on: name.text, "version \(settingsVersion), key \(settings.keyID)", now: now)
    schedules[name] = nil
    noteChecked(name, now: now)
    noteKeyIsUsable(name, now: now)
    judge(name, now: now)
    advanceClusters(of: name, now: now)
    return Decision(project, flush())
  }

  func project(_ name: ProjectName) throws(CoordinatorError) -> ProjectRecord {
    guard let project = projectRecords[name] else {
      throw CoordinatorError(
        .notFound, "There is no project \(name).", next: "See all with: keyfold project list")
    }
    return project
  }

  func clusters(of project: ProjectName) -> [ClusterRecord] {
    (index.clusters[project] ?? []).sorted().compactMap { clusterRecords[$0] }
  }
}

// MARK: - What may stand in settings

extension CoordinatorCore {
  private static func check(_ settings: KMSSettings) throws(CoordinatorError) {
    do { try settings.validate() } catch {
      throw CoordinatorError(.invalid, "The KMS settings cannot be used.", why: error.description)
    }
  }

  /// Whoever writes settings without knowing of private networking must not end it by that.
  private static func checkPrivateNetwork(
    of settings: KMSSettings, inPlaceOf project: ProjectRecord, isDropped: Bool
  ) throws(CoordinatorError) {
    let what = "The KMS settings of project \(project.name) were not changed."
    if isDropped, settings.privateRanges != nil {
      throw CoordinatorError(
        .invalid, what, why: "KMS setting 'private range' may not be given where private networking is dropped.",
        next: "Say --require-private-networking with its ranges, or --no-private-networking.")
    }
    guard project.kms?.privateRanges != nil, settings.privateRanges == nil, !isDropped else { return }
    throw CoordinatorError(
      .invalid, what,
      why: "KMS setting 'private range' is missing: the settings in force require private networking.",
      next: "Say --require-private-networking with its ranges again, or --no-private-networking.")
  }

  /// A CURVE public key is 32 bytes in Z85 (ZeroMQ RFC 32): 40 characters of 85.
  static func check(publicKey: String) throws(CoordinatorError) {
    let others = Set(".-:+=^!/*?&<>()[]{}@%$#".utf8)
    let allowed = publicKey.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
      default: others.contains(byte)
      }
    }
    guard publicKey.utf8.count == 40, allowed else {
      throw CoordinatorError(
        .invalid, "The public key is none.", why: "It has to be 40 characters of Z85.",
        next: "Take the line that keyfold-agent init printed.")
    }
  }

  func checkUnused(publicKey: String, by subject: String) throws(CoordinatorError) {
    let node = nodeRecords.values.first { $0.publicKey == publicKey }.map { "node \($0.name)" }
    let known = operatorRecords.values.first { $0.publicKey == publicKey }.map { "operator \($0.name)" }
    let token = tokenRecords[publicKey].map { "a token for node \($0.node)" }
    guard let owner = node ?? known ?? token, owner != subject else { return }
    throw CoordinatorError(
      .refused, "The public key was not accepted for \(subject).", why: "It belongs to \(owner).",
      next: "Make a key of its own with: keyfold-agent init")
  }
}
