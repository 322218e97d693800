// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import KeyManagement
internal import Logging
internal import Messages
internal import Secrets
internal import Transport

/// The project's keys: sealed secrets, proofs and checks. The calls themselves are made elsewhere; see `KeyProver`.
extension Coordinator {
  /// How many proofs may be under way at once.
  static let maximumProofs = 16

  /// Opens the secret of a version of a project's settings; nil, and logged, if it can't be opened.
  func secret(of project: ProjectName, version: UInt64) throws(CoordinatorFault) -> Secret? {
    guard let sealed = try surroundings.memory.sealedSecret(of: project, version: version) else {
      logger.error("the KMS secret is missing", metadata: ["project": "\(project)", "version": "\(version)"])
      return nil
    }
    do { return try surroundings.rootKey.open(sealed, context: Self.sealContext(project, version)) } catch {
      logger.error(
        "the KMS secret can't be opened; is the root key the one it was sealed under?",
        metadata: ["project": "\(project)", "version": "\(version)", "reason": "\(error)"])
      return nil
    }
  }

  /// What a sealed secret is bound to, so that it can't be moved to another project or version.
  private static func sealContext(_ project: ProjectName, _ version: UInt64) -> [UInt8] {
    Array("kms secret of \(project) in version \(version)".utf8)
  }

  func startCheck(of name: ProjectName, settingsVersion: UInt64, renewing: Bool) throws(CoordinatorFault) {
    checksBegun += 1
    guard let (settings, canary) = try? core.project(named: name).custody(settingsVersion: settingsVersion) else {
      return
    }
    let secret = settings.credentials.hasSecret ? try secret(of: name, version: settingsVersion) : nil
    guard secret != nil || !settings.credentials.hasSecret else {
      let why = "The stored secret can't be opened with this root key."
      try perform(core.onCheckFailed(name, settingsVersion: settingsVersion, why: why, now: now))
      let next = "Set it anew: keyfold kms set \(name) …"
      // Nobody was out of reach: it was not asked.
      if renewing { try refuseDecryptions(of: name, why: why, next: next) }
      return answerCheckAskers(
        of: name,
        .failure(
          OperatorFailure(.failed, what: "The key of project \(name) was not checked.", why: why, next: next)))
    }
    let check = KeyJob.Check(
      project: name, settings: settings, settingsVersion: settingsVersion, secret: secret, canary: canary,
      isRenewing: renewing, number: checksBegun, startedAt: now)
    if case .enqueued = surroundings.jobs.yield(.check(check)) { return }
    answerCheckAskers(of: name, .failure(Self.tooManyCalls("The key of project \(name) was not checked.")))
    if renewing {
      let failure = Self.tooManyCalls("")
      try refuseDecryptions(of: name, why: failure.why, next: failure.next)
    }
  }

  func startProof(
    of project: ProjectName, settings: KMSSettings, dropsPrivateNetwork: Bool, secret: Secret?, asker: Asker,
    by admin: OperatorName
  ) throws(OperatorFailure) {
    guard (secret?.count ?? 0 > 0) == settings.credentials.hasSecret else {
      throw OperatorFailure(
        .invalid, what: "The KMS settings of project \(project) were not changed.",
        why: settings.credentials.hasSecret
          ? "The secret part of the credentials is missing."
          : "A secret was given for \(settings.credentials.summary), which has none.",
        next: settings.credentials.hasSecret
          ? "Give it with --secret-file FILE, or - for standard input." : "Leave out --secret-file.")
    }
    let version: UInt64
    do {
      version = try core.settingsVersion(proposing: settings, for: project, dropsPrivateNetwork: dropsPrivateNetwork)
    } catch { throw Self.failure(error) }
    guard proofsUnderWay < Self.maximumProofs else {
      throw Self.tooManyCalls("The KMS settings of project \(project) were not changed.")
    }
    let replaced = core.replaced(by: settings, in: project).map { replaced in
      KeyJob.Replaced(
        settings: replaced.settings, canary: replaced.canary,
        secret: replaced.settings.credentials.hasSecret
          ? (try? self.secret(of: project, version: replaced.settingsVersion)) : nil)
    }
    let proof = KeyJob.Proof(
      project: project, settings: settings, dropsPrivateNetwork: dropsPrivateNetwork, settingsVersion: version,
      secret: secret, canary: core.canary(of: project, wrappedBy: settings.keyID), replaced: replaced, startedAt: now,
      asker: asker,
      admin: admin)
    guard case .enqueued = surroundings.jobs.yield(.prove(proof)) else {
      throw Self.tooManyCalls("The KMS settings of project \(project) were not changed.")
    }
    proofsUnderWay += 1
  }

  static func tooManyCalls(_ what: String) -> OperatorFailure {
    OperatorFailure(.conflict, what: what, why: "Too many calls to KMSs are under way.", next: "Try again in a moment.")
  }

  /// A call to a KMS ended.
  func finish(_ outcome: KeyJobOutcome) throws(CoordinatorFault) {
    switch outcome {
    case .proved(let proof, let result): try continueProof(proof, result)
    case .delivered(let delivery, let failure): try concludeDelivery(delivery, failure)
    case .checked(let check, let verdict, let detail, let elsewhere):
      try conclude(check, verdict: verdict, detail: detail, elsewhere: elsewhere)
    case .used(let check, let failure): try conclude(check, use: failure)
    }
  }

  /// Takes proven settings into force, in one transaction with their sealed secret.
  func commit(_ proof: KeyJob.Proof, canary: WrappedMasterKey) throws(CoordinatorFault) -> OperatorAnswer {
    // The proof may have taken minutes, in which the right was taken away.
    do { try core.authorize(.setKMS(project: proof.project, settings: proof.settings), by: proof.admin) } catch {
      return .failure(Self.failure(error))
    }
    let context = Self.sealContext(proof.project, proof.settingsVersion)
    let sealed: [UInt8]?
    do { sealed = try proof.secret.map { try surroundings.rootKey.seal($0, context: context) } } catch {
      return .failure(OperatorFailure(.failed, what: "The KMS secret can't be sealed.", why: "\(error)"))
    }
    let decision: Decision<ProjectRecord>
    do {
      decision = try core.onKMSProven(
        proof.project, settings: proof.settings, dropsPrivateNetwork: proof.dropsPrivateNetwork,
        settingsVersion: proof.settingsVersion, canary: canary, startedAt: proof.startedAt, now: now)
    } catch { return .failure(Self.failure(error)) }
    try perform(
      decision.directives,
      secret: sealed.map {
        CoordinatorMemory.SealedSecret(project: proof.project, version: proof.settingsVersion, sealed: $0)
      })
    logger.notice(
      "KMS settings are in force",
      metadata: [
        "project": "\(proof.project)", "key": "\(proof.settings.keyID)", "version": "\(proof.settingsVersion)",
      ])
    return kmsAnswer(proof.project)
  }

  private func conclude(
    _ check: KeyJob.Check, verdict: Verdict?, detail: String, elsewhere: String?
  ) throws(CoordinatorFault) {
    // Whoever asks for a check waits for that of the key in force.
    let isInForce = (try? core.project(named: check.project))?.settingsVersion == check.settingsVersion
    guard let verdict else {
      logger.error(
        "the canary says nothing of the key", metadata: ["project": "\(check.project)", "reason": "\(detail)"])
      try perform(core.onCheckFailed(check.project, settingsVersion: check.settingsVersion, why: detail, now: now))
      guard check.isRenewing else { return }
      let next = "Set the same settings anew, which makes a new canary: keyfold kms set \(check.project) …"
      try refuseDecryptions(of: check.project, why: detail, next: next)
      return answerCheckAskers(
        of: check.project,
        .failure(
          OperatorFailure(
            .failed, what: "The check of project \(check.project) says nothing of its key.", why: detail, next: next)))
    }
    logger.info(
      "key was checked",
      metadata: ["project": "\(check.project)", "verdict": "\(CheckView(verdict, startedAtMilliseconds: 1).verdict)"])
    let report = CheckReport(
      verdict: verdict, customerKeyID: check.settings.keyID, settingsVersion: check.settingsVersion,
      startedAtMilliseconds: check.startedAt.milliseconds, answeredElsewhere: elsewhere)
    try perform(core.onVerdict(check.project, report: report, now: now))
    try continueDecryptions(after: check)
    guard isInForce else {
      // Settings came into force meanwhile, by a proof that says as much; or there are none any more.
      if check.isRenewing { answerCheckAskers(of: check.project, kmsAnswer(check.project)) }
      return
    }
    // A scheduled check that was under way already may have been made with a session from before.
    if check.isRenewing { answerCheckAskers(of: check.project, kmsAnswer(check.project)) }
    // Whether the key lives is known without: nobody waits for this.
    if verdict == .valid { surroundings.jobs.yield(.use(check)) }
  }

  private func conclude(_ check: KeyJob.Check, use failure: KMSError?) throws(CoordinatorFault) {
    let trouble = failure.map { error in
      KeyUseTrouble(
        detail: error.description, isPassing: error.isRetryable,
        next: KeyProver.advice(error, of: check.settings.provider))
    }
    try perform(
      core.onKeyUse(check.project, settingsVersion: check.settingsVersion, trouble: trouble, now: now))
  }

  private func answerCheckAskers(of project: ProjectName, _ answer: OperatorAnswer) {
    for asker in checkAskers.removeValue(forKey: project) ?? [] { reply(answer, to: asker) }
  }
}
