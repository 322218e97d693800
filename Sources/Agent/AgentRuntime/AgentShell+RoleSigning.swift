// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyManagement
internal import Messages
internal import Secrets
internal import Transport

/// Where the access key of a role stays with the coordinator: the node asks it to sign, and assumes the role itself.
extension AgentShell {
  /// How long the coordinator may take to sign; it waits for nobody.
  private static let signingLimit: Milliseconds = 5000
  /// How many requests may wait at a time: each is of one call to a KMS.
  static let maximumSignings = 16

  /// A request that waits, and until when.
  struct Signing {
    let deadline: Milliseconds
    let answer: CheckedContinuation<Result<SignedRoleRequest, RoleSignerFailure>, Never>
  }

  /// Who signs for settings whose secret is kept from nodes, nil for all others. A coordinator from before there were
  /// signatures still gives the secret.
  func signer(of settings: KMSSettings, _ secret: Secret?, as named: SignRole.Settings) -> NodeRoleSigner? {
    secret == nil && settings.credentials.isKeptFromNodes ? NodeRoleSigner(shell: self, settings: named) : nil
  }

  /// Asks the coordinator and waits for its answer, for the end of the link, or for the time to be up.
  func askToSign(_ settings: SignRole.Settings, region: String) async -> Result<SignedRoleRequest, RoleSignerFailure> {
    guard !isShutDown, let link, link.isConnected else {
      return .failure(.unreachable("the coordinator, which signs for the role, can't be reached"))
    }
    guard signings.count < Self.maximumSignings else { return .failure(.busy(.milliseconds(Self.signingLimit))) }
    let request = SignRole(id: .random(), settings: settings, region: region)
    return await withCheckedContinuation { answer in
      signings[request.id] = Signing(deadline: now + Self.signingLimit, answer: answer)
      send(.signRole(request))
    }
  }

  /// The coordinator answered; nobody may wait for it any more.
  func take(_ signature: RoleSignature) {
    guard let signing = signings.removeValue(forKey: signature.id) else { return }
    switch signature.outcome {
    case .signed(let form, _, _) where form.utf8.count > SignedRoleRequest.maximumFormBytes:
      signing.answer.resume(returning: .failure(.declined("the coordinator signed more than a role's request is long")))
    case .signed(let form, let authorization, let at):
      signing.answer.resume(
        returning: .success(SignedRoleRequest(form: form, authorization: authorization, signedAtSeconds: at)))
    case .later(let milliseconds):
      let wait = Milliseconds(clamping: min(milliseconds, 60_000))
      signing.answer.resume(returning: .failure(.busy(.milliseconds(wait))))
    case .declined(let reason):
      signing.answer.resume(returning: .failure(.declined("the coordinator did not sign for the role: \(reason)")))
    }
  }

  func endOverdueSignings() {
    for (id, signing) in signings where signing.deadline <= now {
      signings[id] = nil
      signing.answer.resume(returning: .failure(.unreachable("the coordinator did not sign for the role in time")))
    }
  }

  func endSignings(_ why: String) {
    let waiting = signings
    signings = [:]
    for signing in waiting.values { signing.answer.resume(returning: .failure(.unreachable(why))) }
  }
}

/// The coordinator as the signer of a node's requests under one version of the settings, or of one trial.
struct NodeRoleSigner: RoleSigner {
  weak let shell: AgentShell?
  let settings: SignRole.Settings

  init(shell: AgentShell, settings: SignRole.Settings) {
    self.shell = shell
    self.settings = settings
  }

  var name: String { "\(settings)" }

  func signedRequest(region: String, within timeout: Duration) async throws(RoleSignerFailure) -> SignedRoleRequest {
    guard let shell else { throw .unreachable("the node is stopping") }
    return try await shell.askToSign(settings, region: region).get()
  }
}
