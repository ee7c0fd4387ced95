using Akka.Actor;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>A run has made a version of a table.</summary>
internal sealed record TableMade(TableId Table, long Version, IReadOnlyList<PinnedInput> Inputs) : INoSerializationVerificationNeeded;

/// <summary>A table's last run, or the planning of one, has failed.</summary>
internal sealed record TableFails(TableId Table, Fault Fault) : INoSerializationVerificationNeeded;

/// <summary>A table has nothing to do.</summary>
internal sealed record TableRests(TableId Table) : INoSerializationVerificationNeeded;
