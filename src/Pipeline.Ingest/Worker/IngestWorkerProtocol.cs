using Akka.Actor;

namespace Pipeline.Ingest.Worker;

/// <summary>Commit what is open, then pause; answered with <see cref="WorkerDrained"/>.</summary>
public sealed record DrainWorker : INoSerializationVerificationNeeded;

/// <summary>Nothing is open any more.</summary>
public sealed record WorkerDrained : INoSerializationVerificationNeeded;

/// <summary>Go on after a pause or a halt.</summary>
public sealed record ResumeWorker : INoSerializationVerificationNeeded;

/// <summary>Commit what is open, then end: how sharding moves a worker to another node.</summary>
public sealed record StopWorker : INoSerializationVerificationNeeded;
