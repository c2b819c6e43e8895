#include "audit/openclaw_schema_table.h"

namespace meshops::audit::schema {

const std::string_view kSchemaTable = R"(
.:$schema accessGroups acp agents approvals attachments auth bindings broadcast browser channels cloudWorkers commands cron desktop diagnostics discovery env gateway hooks logging mcp memory messages meta models nodeHost plugins proxy secrets security session skills surfaces talk telemetry tools transcripts tts ui update wizard worktreeAcceleration worktreeRoot
acp:allowedAgents backend defaultAgent dispatch enabled fallbacks runtime stream
acp.dispatch:enabled
acp.runtime:installCommand
acp.stream:deliveryMode repeatSuppression tagVisibility
agents:defaults entries ownership
agents.defaults:authInheritance blockStreamingBreak blockStreamingChunk blockStreamingCoalesce blockStreamingDefault bootstrapMaxChars bootstrapTotalMaxChars compaction contextInjection contextLimits contextPruning cwd decisionModel elevatedDefault embeddedAgent experimental fastModeDefault heartbeat humanDelay imageMaxDimensionPx imageModel imageQuality maxConcurrent mediaMaxMb mediaModels model modelPolicy modelSelectionScope models params pdfMaxMb pdfMaxPages pdfModel reasoningDefault repoRoot sandbox sessionStore silentReply skills skipBootstrap skipOptionalBootstrapFiles startupContext subagents systemAgent thinkingDefault timeoutSeconds toolProgressDetail typingIntervalSeconds typingMode userTimezone utilityModel verboseDefault voiceModel workspace
agents.defaults.authInheritance:agentId
agents.defaults.blockStreamingChunk:breakPreference maxChars minChars
agents.defaults.blockStreamingCoalesce:idleMs maxChars minChars
agents.defaults.compaction:enabled identifierPolicy keepRecentTokens maxActiveTranscriptBytes memoryFlush midTurnPrecheck mode model notifyUser postCompactionSections postIndexSync provider qualityGuard recentTurnsPreserve thinkingLevel timeoutSeconds
agents.defaults.compaction.memoryFlush:enabled forceFlushTranscriptBytes model softThresholdTokens
agents.defaults.compaction.midTurnPrecheck:enabled
agents.defaults.compaction.qualityGuard:enabled maxRetries
agents.defaults.contextLimits:memoryGetMaxChars postCompactionMaxChars
agents.defaults.contextPruning:hardClear mode tools ttl
agents.defaults.contextPruning.hardClear:enabled placeholder
agents.defaults.contextPruning.tools:allow deny
agents.defaults.embeddedAgent:cyberFailover executionContract projectSettingsPolicy
agents.defaults.embeddedAgent.cyberFailover:cooloffMs mode model
agents.defaults.experimental:localModelLean
agents.defaults.heartbeat:accountId activeHours agentId directPolicy every isolatedSession lightContext model prompt session target timeoutSeconds to
agents.defaults.heartbeat.activeHours:end start timezone
agents.defaults.humanDelay:maxMs minMs mode
agents.defaults.imageModel:fallbacks primary timeoutMs
agents.defaults.mediaModels:image music video
agents.defaults.mediaModels.image:fallbacks primary timeoutMs
agents.defaults.mediaModels.music:fallbacks primary timeoutMs
agents.defaults.mediaModels.video:fallbacks primary timeoutMs
agents.defaults.model:fallbacks primary
agents.defaults.modelPolicy:allow
agents.defaults.models.*:agentRuntime alias codeMode params pickerRuntimes streaming
agents.defaults.models.*.agentRuntime:id
agents.defaults.pdfModel:fallbacks primary timeoutMs
agents.defaults.sandbox:backend browser docker mode prune scope sessionToolsVisibility ssh workspaceAccess workspaceRoot
agents.defaults.sandbox.browser:allowHostControl autoStart autoStartTimeoutMs binds cdpPort cdpSourceRange containerPrefix enabled headless image network noVncEnabled noVncPort vncPort
agents.defaults.sandbox.docker:apparmorProfile binds capDrop containerPrefix cpus dangerouslyAllowContainerNamespaceJoin dangerouslyAllowExternalBindSources dangerouslyAllowReservedContainerTargets dns env extraHosts gpus image memory memorySwap network pidsLimit readOnlyRoot seccompProfile setupCommand tmpfs ulimits user workdir
agents.defaults.sandbox.docker.ulimits.*:hard soft
agents.defaults.sandbox.prune:idleHours maxAgeDays
agents.defaults.sandbox.ssh:certificateData certificateFile command identityData identityFile knownHostsData knownHostsFile strictHostKeyChecking target updateHostKeys workspaceRoot
agents.defaults.sessionStore:agentId
agents.defaults.silentReply:group internal
agents.defaults.startupContext:applyOn dailyMemoryDays enabled maxFileBytes maxFileChars maxTotalChars
agents.defaults.subagents:allowAgents announceTimeoutMs archiveAfterMinutes delegationMode maxChildrenPerAgent maxConcurrent maxSpawnDepth model requireAgentId runTimeoutSeconds thinking
agents.defaults.subagents.model:fallbacks primary
agents.defaults.systemAgent:agentId
agents.defaults.voiceModel:fallbacks primary timeoutMs
agents.entries.*:agentDir bootstrapMaxChars bootstrapTotalMaxChars contextInjection contextLimits cwd decisionModel default description embeddedAgent experimental fastModeDefault groupChat heartbeat humanDelay identity memory model modelPolicy models name params reasoningDefault runtime sandbox skills skillsLimits subagents thinkingDefault toolProgressDetail tools tts typingMode utilityModel verboseDefault workspace
agents.entries.*.contextLimits:memoryGetMaxChars postCompactionMaxChars
agents.entries.*.embeddedAgent:executionContract
agents.entries.*.experimental:localModelLean
agents.entries.*.groupChat:historyLimit mentionPatterns unmentionedInbound
agents.entries.*.heartbeat:accountId activeHours directPolicy every isolatedSession lightContext model prompt session target timeoutSeconds to
agents.entries.*.heartbeat.activeHours:end start timezone
agents.entries.*.humanDelay:maxMs minMs mode
agents.entries.*.identity:avatar emoji name theme
agents.entries.*.memory:search
agents.entries.*.memory.search:cache documentInputType enabled experimental extraPaths fallback inputType local model multimodal outputDimensionality provider query queryInputType rememberAcrossConversations remote sources store
agents.entries.*.memory.search.cache:enabled
agents.entries.*.memory.search.experimental:sessionMemory
agents.entries.*.memory.search.extraPaths.*:path pattern
agents.entries.*.memory.search.local:modelPath
agents.entries.*.memory.search.multimodal:enabled maxFileBytes modalities
agents.entries.*.memory.search.query:maxResults minScore
agents.entries.*.memory.search.remote:apiKey baseUrl batch headers
agents.entries.*.memory.search.remote.batch:enabled
agents.entries.*.memory.search.store:fts vector
agents.entries.*.memory.search.store.fts:tokenizer
agents.entries.*.memory.search.store.vector:enabled extensionPath
agents.entries.*.model:fallbacks primary
agents.entries.*.modelPolicy:allow
agents.entries.*.models.*:agentRuntime alias codeMode params pickerRuntimes streaming
agents.entries.*.models.*.agentRuntime:id
agents.entries.*.sandbox:backend browser docker mode prune scope sessionToolsVisibility ssh workspaceAccess workspaceRoot
agents.entries.*.sandbox.browser:allowHostControl autoStart autoStartTimeoutMs binds cdpPort cdpSourceRange containerPrefix enabled headless image network noVncEnabled noVncPort vncPort
agents.entries.*.sandbox.docker:apparmorProfile binds capDrop containerPrefix cpus dangerouslyAllowContainerNamespaceJoin dangerouslyAllowExternalBindSources dangerouslyAllowReservedContainerTargets dns env extraHosts gpus image memory memorySwap network pidsLimit readOnlyRoot seccompProfile setupCommand tmpfs ulimits user workdir
agents.entries.*.sandbox.docker.ulimits.*:hard soft
agents.entries.*.sandbox.prune:idleHours maxAgeDays
agents.entries.*.sandbox.ssh:certificateData certificateFile command identityData identityFile knownHostsData knownHostsFile strictHostKeyChecking target updateHostKeys workspaceRoot
agents.entries.*.skillsLimits:maxSkillsPromptChars
agents.entries.*.subagents:allowAgents delegationMode model requireAgentId thinking
agents.entries.*.subagents.model:fallbacks primary
agents.entries.*.tools:allow alsoAllow byProvider codeMode deny elevated exec fs github loopDetection message profile sandbox swarm toolsBySender
agents.entries.*.tools.byProvider.*:allow alsoAllow deny profile
agents.entries.*.tools.codeMode:enabled executor maxOutputBytes maxPendingToolCalls maxSearchLimit maxSnapshotBytes memoryLimitBytes mode searchDefaultLimit snapshotTtlSeconds timeoutMs
agents.entries.*.tools.elevated:allowFrom enabled
agents.entries.*.tools.exec:applyPatch approvalRunningNoticeMs ask backgroundMs cleanupMs commandHighlighting grantExpiryDays host mode node notifyOnExit notifyOnExitEmptySuccess pathPrepend reviewer safeBinProfiles safeBinTrustedDirs safeBins security strictInlineEval timeoutSeconds
agents.entries.*.tools.exec.applyPatch:allowModels enabled workspaceOnly
agents.entries.*.tools.exec.reviewer:fastMode model thinking timeoutMs
agents.entries.*.tools.exec.reviewer.model:fallbacks primary
agents.entries.*.tools.exec.safeBinProfiles.*:allowedValueFlags deniedFlags maxPositional minPositional
agents.entries.*.tools.fs:workspaceOnly
agents.entries.*.tools.github:gitAuthor kind profileId
agents.entries.*.tools.github.gitAuthor:email name
agents.entries.*.tools.loopDetection:enabled
agents.entries.*.tools.message:actions broadcast crossContext
agents.entries.*.tools.message.actions:allow
agents.entries.*.tools.message.broadcast:enabled
agents.entries.*.tools.message.crossContext:allowAcrossProviders allowWithinProvider marker
agents.entries.*.tools.message.crossContext.marker:enabled prefix suffix
agents.entries.*.tools.sandbox:tools
agents.entries.*.tools.sandbox.tools:allow alsoAllow deny
agents.entries.*.tools.swarm:defaultAgentId enabled maxChildrenPerGroup maxConcurrent maxTotalPerGroup waitTimeoutSecondsMax
agents.entries.*.tools.toolsBySender.*:allow alsoAllow deny
agents.entries.*.tts:auto enabled maxTextLength mode modelOverrides persona personas prefsPath provider providers summaryModel timeoutMs
agents.entries.*.tts.modelOverrides:allowModelId allowNormalization allowProvider allowSeed allowText allowVoice allowVoiceSettings enabled
agents.entries.*.tts.personas.*:description fallbackPolicy label provider providers
approvals:exec plugin
approvals.exec:agentFilter enabled mode sessionFilter targets
approvals.exec.targets.*:accountId channel threadId to
approvals.plugin:agentFilter enabled mode sessionFilter targets
approvals.plugin.targets.*:accountId channel threadId to
attachments:ttlHours
auth:order profiles
auth.profiles.*:displayName email mode provider
broadcast.*:agents maxRounds maxTurns mentionGating
browser:allowSystemProfileImport attachOnly cdpUrl defaultProfile enabled evaluateEnabled executablePath extensionRelay extraArgs headless noSandbox profiles snapshotDefaults ssrfPolicy tabCleanup
browser.extensionRelay:allowLegacyAuth
browser.profiles.*:attachOnly cdpPort cdpUrl driver executablePath headless mcpArgs mcpCommand userDataDir
browser.snapshotDefaults:mode
browser.ssrfPolicy:allowIpv6UniqueLocalRange allowRfc2544BenchmarkRange allowedHostnames blockedHostnames dangerouslyAllowPrivateNetwork
browser.tabCleanup:enabled
cloudWorkers:desktop preparedPool profiles projectProfiles
cloudWorkers.preparedPool:maxTotal
cloudWorkers.profiles.*:install provider readyWorkers settings suspendAfter
commands:allowFrom bash bashForegroundMs config debug mcp native nativeSkills ownerAllowFrom plugins restart text
cron:enabled failureAlert sessionRetention skipMissedJobs triggers webhookSsrfPolicy webhookToken
cron.failureAlert:accountId after channel cooldownMs enabled includeSkipped mode to
cron.triggers:enabled
cron.webhookSsrfPolicy:allowIpv6UniqueLocalRange allowRfc2544BenchmarkRange allowedHostnames blockedHostnames dangerouslyAllowPrivateNetwork
desktop:host
desktop.host:enabled managed passwordFile port
diagnostics:cacheTrace enabled flags otel
diagnostics.cacheTrace:enabled
diagnostics.otel:captureContent enabled endpoint flushIntervalMs headers logs logsEndpoint logsExporter metricNamePrefix metrics metricsEndpoint protocol sampleRate serviceName traces tracesEndpoint
discovery:mdns wideArea
discovery.mdns:mode
discovery.wideArea:domain
env:shellEnv vars
env.shellEnv:enabled timeoutMs
gateway:allowRealIpFallback auth bind cliAgents controlUi customBindHost http mode nodes port portals publicOrigin push reload remote roles tailscale terminal tls tools trustedProxies
gateway.auth:allowTailscale identityScopes mode password rateLimit token trustedProxy
gateway.auth.rateLimit:exemptLoopback lockoutMs maxAttempts windowMs
gateway.auth.trustedProxy:allowLoopback allowUsers cloudflareAccessOidc deviceAutoApprove requiredHeaders userHeader
gateway.auth.trustedProxy.cloudflareAccessOidc:githubAccountIdClaim issuer providerId
gateway.auth.trustedProxy.deviceAutoApprove:enabled scopes
gateway.cliAgents:enabled
gateway.controlUi:allowExternalEmbedUrls allowedOrigins automaticallyFetchFavicons basePath communityInvite dangerouslyAllowHostHeaderOriginFallback dangerouslyDisableDeviceAuth embedSandbox enabled environment experimental github root sessionObserver
gateway.controlUi.environment:color label
gateway.controlUi.experimental:customPlugins
gateway.controlUi.github:token
gateway.http:endpoints securityHeaders
gateway.http.endpoints:chatCompletions responses
gateway.http.endpoints.chatCompletions:enabled images
gateway.http.endpoints.chatCompletions.images:allowUrl allowedMimes maxBytes maxRedirects timeoutMs urlAllowlist
gateway.http.endpoints.responses:enabled files images maxUrlParts
gateway.http.endpoints.responses.files:allowUrl allowedMimes maxBytes maxChars maxRedirects pdf timeoutMs urlAllowlist
gateway.http.endpoints.responses.files.pdf:maxPages maxPixels minTextChars
gateway.http.endpoints.responses.images:allowUrl allowedMimes maxBytes maxRedirects timeoutMs urlAllowlist
gateway.http.securityHeaders:strictTransportSecurity
gateway.nodes:allowSkills browser commands pairing pluginTools
gateway.nodes.browser:mode node
gateway.nodes.commands:allow deny
gateway.nodes.pairing:autoApproveCidrs autoApproveLocal sshVerify
gateway.nodes.pairing.sshVerify:cidrs identity timeoutMs user
gateway.nodes.pluginTools:enabled
gateway.portals:ingress
gateway.portals.ingress:domain port
gateway.push:apns
gateway.push.apns:relay
gateway.push.apns.relay:baseUrl timeoutMs
gateway.reload:mode
gateway.remote:edgeAuth password remotePort sshHostKeyPolicy sshIdentity sshTarget tlsFingerprint token transport url
gateway.roles:default definitions
gateway.roles.definitions.*:accessPolicyPlugin agents sandbox scopes sessions
gateway.roles.definitions.*.sessions:others
gateway.tailscale:mode preserveFunnel
gateway.terminal:detachedSessionTimeoutSeconds enabled shell
gateway.tools:allow deny
hooks:allowRequestSessionKey allowedAgentIds allowedSessionKeyPrefixes defaultSessionKey enabled gmail internal mappings path presets token transformsDir
hooks.gmail:account allowUnsafeExternalContent hookUrl includeBody label maxBytes model pushToken renewEveryMinutes serve subscription tailscale thinking topic
hooks.gmail.serve:bind path port
hooks.gmail.tailscale:mode path target
hooks.internal:enabled entries load
hooks.internal.load:extraDirs
hooks.mappings.*:action agentId allowUnsafeExternalContent channel deliver forEach id match messageTemplate model name sessionKey sessionMode textTemplate thinking timeoutSeconds to transform wakeMode
hooks.mappings.*.transform:export module
logging:audit consoleLevel consoleStyle file level maxFileBytes redactPatterns
logging.audit:enabled executionIdentity messages
mcp:apps servers sessionIdleTtlMs
mcp.apps:enabled sandboxOrigin sandboxPort
mcp.servers.*.codex:agents defaultToolsApprovalMode
mcp.servers.*.oauth:authProfileId clientMetadataUrl identity redirectUrl scope
mcp.servers.*.toolFilter:exclude include
memory:citations search
memory.search:cache documentInputType enabled experimental extraPaths fallback inputType local model multimodal outputDimensionality provider query queryInputType rememberAcrossConversations remote sources store
memory.search.cache:enabled
memory.search.experimental:sessionMemory
memory.search.extraPaths.*:path pattern
memory.search.local:modelPath
memory.search.multimodal:enabled maxFileBytes modalities
memory.search.query:maxResults minScore
memory.search.remote:apiKey baseUrl batch headers
memory.search.remote.batch:enabled
memory.search.store:fts vector
memory.search.store.fts:tokenizer
memory.search.store.vector:enabled extensionPath
messages:ackReaction ackReactionScope groupChat inbound queue responsePrefix responseUsage statusReactions usageTemplate visibleReplies
messages.groupChat:historyLimit mentionPatterns unmentionedInbound visibleReplies
messages.inbound:byChannel debounceMs
messages.queue:byChannel cap debounceMsByChannel drop mode
messages.queue.byChannel:discord googlechat imessage irc matrix mattermost msteams signal slack telegram webchat whatsapp
messages.statusReactions:enabled
meta:lastTouchedVersion migrations
meta.migrations:modelPolicyAllowlist utilityModelSeparation
models:catalogRefresh mode providers
models.catalogRefresh:enabled url
models.providers.*:agentRuntime api apiKey auth authHeader baseUrl headers injectNumCtxForOpenAICompat localService maxTokens models params region request timeoutSeconds
models.providers.*.agentRuntime:id
models.providers.*.localService:args command cwd env healthUrl idleStopMs readyTimeoutMs
models.providers.*.models.*:agentRuntime api baseUrl compat contextTokens contextWindow cost headers id input maxTokens mediaInput metadataSource name params reasoning thinkingLevelMap
models.providers.*.models.*.agentRuntime:id
models.providers.*.models.*.compat:cacheControlFormat codeMode maxTokensField openRouterRouting reasoningEffortMap requiresAssistantAfterToolResult requiresOpenAiAnthropicToolPayload requiresReasoningContentOnAssistantMessages requiresStringContent requiresThinkingAsText requiresToolResultName sendSessionAffinityHeaders sendSessionIdHeader strictMessageKeys supportedReasoningEfforts supportsDeveloperRole supportsEagerToolInputStreaming supportsInstructions supportsJsonSchemaResponseFormat supportsLongCacheRetention supportsPromptCacheKey supportsReasoningEffort supportsResponsesContinuation supportsStore supportsStrictMode supportsTemperature supportsTools supportsUsageInStreaming thinkingFormat toolCallArgumentsEncoding toolSchemaProfile unsupportedToolSchemaKeywords vercelGatewayRouting visibleReasoningDetailTypes zaiToolStream
models.providers.*.models.*.compat.openRouterRouting:allow_fallbacks data_collection enforce_distillable_text ignore max_price only order preferred_max_latency preferred_min_throughput quantizations require_parameters sort zdr
models.providers.*.models.*.compat.openRouterRouting.max_price:audio completion image prompt request
models.providers.*.models.*.compat.openRouterRouting.preferred_max_latency:p50 p75 p90 p99
models.providers.*.models.*.compat.openRouterRouting.preferred_min_throughput:p50 p75 p90 p99
models.providers.*.models.*.compat.openRouterRouting.sort:by partition
models.providers.*.models.*.compat.vercelGatewayRouting:only order
models.providers.*.models.*.cost:cacheRead cacheWrite input output tieredPricing
models.providers.*.models.*.cost.tieredPricing.*:cacheRead cacheWrite input output range
models.providers.*.models.*.mediaInput:image
models.providers.*.models.*.mediaInput.image:maxBytes maxPixels maxSidePx preferredSidePx tokenMode
models.providers.*.models.*.thinkingLevelMap:high low max medium minimal off xhigh
models.providers.*.request:allowPrivateNetwork auth headers proxy tls
models.providers.*.request.tls:ca cert insecureSkipVerify key passphrase serverName
nodeHost:agentRuns autoUpdate browserProxy mcp skills workerRuns
nodeHost.agentRuns:claude
nodeHost.agentRuns.claude:enabled
nodeHost.autoUpdate:enabled
nodeHost.browserProxy:allowProfiles enabled
nodeHost.mcp:servers
nodeHost.mcp.servers.*.codex:agents defaultToolsApprovalMode
nodeHost.mcp.servers.*.oauth:authProfileId clientMetadataUrl identity redirectUrl scope
nodeHost.mcp.servers.*.toolFilter:exclude include
nodeHost.skills:enabled
nodeHost.workerRuns:capacity containerImage enabled isolation
plugins:allow deny enabled entries load slots
proxy:enabled loopbackMode proxyUrl tls
proxy.tls:caFile
secrets:defaults egressProxy providers
secrets.defaults:env exec file store
secrets.egressProxy:allowedHosts bypassHosts enabled
security:audit installPolicy
security.audit:suppressions
security.audit.suppressions.*:checkId detailIncludes reason titleIncludes
security.installPolicy:enabled exec targets
security.installPolicy.exec:args command env maxOutputBytes noOutputTimeoutMs passEnv source timeoutMs trustedDirs
session:dmScope groupScope identityLinks mainKey maintenance notifyOnCreate reset resetByChannel resetByType resetTriggers scope sendPolicy sharing store threadBindings
session.maintenance:archiveDashboardAfter coldStorage highWaterBytes maxDiskBytes maxEntries mode preserveRecent pruneAfter resetArchiveRetention
session.maintenance.coldStorage:afterDays enabled
session.reset:atHour idleMinutes mode
session.resetByChannel.*:atHour idleMinutes mode
session.resetByType:direct group thread
session.resetByType.direct:atHour idleMinutes mode
session.resetByType.group:atHour idleMinutes mode
session.resetByType.thread:atHour idleMinutes mode
session.sendPolicy:default rules
session.sendPolicy.rules.*:action match
session.sendPolicy.rules.*.match:channel chatType keyPrefix rawKeyPrefix
session.sharing:drafts readOnly suggest
session.threadBindings:defaultSpawnContext enabled idleHours maxAgeHours spawnSessions
skills:allowBundled entries install limits load workshop
skills.entries.*:apiKey config enabled env
skills.install:allowUploadedArchives nodeManager preferBrew
skills.limits:maxCandidatesPerRoot maxSkillFileBytes maxSkillsInPrompt maxSkillsLoadedPerSource maxSkillsPromptChars
skills.load:allowSymlinkTargets extraDirs watch
skills.workshop:approvalPolicy autonomous maxPending maxSkillBytes
skills.workshop.autonomous:mode
surfaces.*:silentReply
surfaces.*.silentReply:group internal
talk:agentId consultFastMode consultThinkingLevel interruptOnSpeech provider providers realtime silenceTimeoutMs speechLocale
talk.realtime:brain consultRouting instructions mode model prefixPaddingMs provider providers reasoningEffort silenceDurationMs speakerVoice speakerVoiceId transport vadThreshold
telemetry:consentedAt enabled
tools:agentToAgent allow alsoAllow byProvider codeMode deny elevated exec fs github links loopDetection media message profile sandbox sessions sessions_spawn subagents swarm toolSearch toolsBySender updatePlan web
tools.agentToAgent:allow enabled
tools.byProvider.*:allow alsoAllow deny profile
tools.codeMode:enabled executor maxOutputBytes maxPendingToolCalls maxSearchLimit maxSnapshotBytes memoryLimitBytes mode searchDefaultLimit snapshotTtlSeconds timeoutMs
tools.elevated:allowFrom enabled
tools.exec:applyPatch approvalRunningNoticeMs ask backgroundMs cleanupMs commandHighlighting grantExpiryDays host mode node notifyOnExit notifyOnExitEmptySuccess pathPrepend reviewer safeBinProfiles safeBinTrustedDirs safeBins security strictInlineEval timeoutSeconds
tools.exec.applyPatch:allowModels enabled workspaceOnly
tools.exec.reviewer:fastMode model thinking timeoutMs
tools.exec.reviewer.model:fallbacks primary
tools.exec.safeBinProfiles.*:allowedValueFlags deniedFlags maxPositional minPositional
tools.fs:workspaceOnly
tools.github:gitAuthor kind profileId
tools.github.gitAuthor:email name
tools.links:enabled maxLinks models scope timeoutSeconds
tools.links.models.*:args command timeoutSeconds type
tools.links.scope:default rules
tools.links.scope.rules.*:action match
tools.links.scope.rules.*.match:channel chatType keyPrefix rawKeyPrefix
tools.loopDetection:enabled
tools.media:audio concurrency image models video
tools.media.audio:attachments baseUrl echoFormat echoTranscript enabled headers language maxBytes maxChars preferredModel prompt providerOptions request scope timeoutSeconds
tools.media.audio.attachments:maxAttachments mode prefer
tools.media.audio.request:auth headers proxy tls
tools.media.audio.request.tls:ca cert insecureSkipVerify key passphrase serverName
tools.media.audio.scope:default rules
tools.media.audio.scope.rules.*:action match
tools.media.audio.scope.rules.*.match:channel chatType keyPrefix rawKeyPrefix
tools.media.image:attachments baseUrl enabled headers language maxBytes maxChars preferredModel prompt providerOptions request scope timeoutSeconds
tools.media.image.attachments:maxAttachments mode prefer
tools.media.image.request:auth headers proxy tls
tools.media.image.request.tls:ca cert insecureSkipVerify key passphrase serverName
tools.media.image.scope:default rules
tools.media.image.scope.rules.*:action match
tools.media.image.scope.rules.*.match:channel chatType keyPrefix rawKeyPrefix
tools.media.models.*:args baseUrl capabilities command headers language maxBytes maxChars model preferredProfile profile prompt provider providerOptions request timeoutSeconds type
tools.media.models.*.request:auth headers proxy tls
tools.media.models.*.request.tls:ca cert insecureSkipVerify key passphrase serverName
tools.media.video:attachments baseUrl enabled headers language maxBytes maxChars preferredModel prompt providerOptions request scope timeoutSeconds
tools.media.video.attachments:maxAttachments mode prefer
tools.media.video.request:auth headers proxy tls
tools.media.video.request.tls:ca cert insecureSkipVerify key passphrase serverName
tools.media.video.scope:default rules
tools.media.video.scope.rules.*:action match
tools.media.video.scope.rules.*.match:channel chatType keyPrefix rawKeyPrefix
tools.message:actions broadcast crossContext
tools.message.actions:allow
tools.message.broadcast:enabled
tools.message.crossContext:allowAcrossProviders allowWithinProvider marker
tools.message.crossContext.marker:enabled prefix suffix
tools.sandbox:tools
tools.sandbox.tools:allow alsoAllow deny
tools.sessions:visibility
tools.sessions_spawn:attachments
tools.sessions_spawn.attachments:enabled maxFileBytes maxFiles maxTotalBytes retainOnSessionKeep
tools.subagents:tools
tools.subagents.tools:allow alsoAllow deny
tools.swarm:defaultAgentId enabled maxChildrenPerGroup maxConcurrent maxTotalPerGroup waitTimeoutSecondsMax
tools.toolSearch:codeTimeoutMs enabled maxSearchLimit mode searchDefaultLimit
tools.toolsBySender.*:allow alsoAllow deny
tools.web:fetch search
tools.web.fetch:cacheTtlMinutes enabled headers maxChars maxCharsCap maxRedirects maxResponseBytes provider readability ssrfPolicy timeoutSeconds useTrustedEnvProxy userAgent
tools.web.fetch.ssrfPolicy:allowIpv6UniqueLocalRange allowRfc2544BenchmarkRange allowedHostnames blockedHostnames dangerouslyAllowPrivateNetwork
tools.web.search.openaiCodex:allowedDomains contextSize enabled mode userLocation
tools.web.search.openaiCodex.userLocation:city country region timezone
transcripts:autoStart enabled
transcripts.autoStart.*:accountId channelId guildId meetingUrl providerId sessionId title whenOccupied
tts:auto enabled maxTextLength mode modelOverrides persona personas provider providers summaryModel timeoutMs
tts.modelOverrides:allowModelId allowNormalization allowProvider allowSeed allowText allowVoice allowVoiceSettings enabled
tts.personas.*:description fallbackPolicy label provider providers
ui:prefs seamColor
ui.prefs:accent chatFollowUpMode chatPersistCommentary chatSendShortcut chatShowThinking chatShowToolCalls locale sidebarEntries theme themeMode
update:auto channel checkOnStart
update.auto:enabled
wizard:accessMode appRecommendations lastRunAt lastRunCommand lastRunCommit lastRunMode lastRunVersion securityAcknowledgedAt
)";

}  // namespace meshops::audit::schema
