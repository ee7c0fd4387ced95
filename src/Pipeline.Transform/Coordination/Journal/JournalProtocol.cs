using System.Collections.Immutable;
using Akka.Actor;

namespace Pipeline.Transform.Coordination.Journal;

/// <summary>What the journal knows: a snapshot and what happened after it.</summary>
/// <param name="Snapshot">Null: everything is in <paramref name="Events"/>.</param>
internal sealed record Recollection(MedallionSnapshot? Snapshot, ImmutableArray<MedallionEvent> Events)
{
    public static readonly Recollection Nothing = new(null, []);

    public bool IsEmpty => Snapshot is null && Events.IsEmpty;
}

/// <summary>The keeper's answer to being made: what is remembered. It comes once, within <see cref="JournalKeeperActor.Patience"/>.</summary>
internal sealed record Recalled(Recollection Memory) : INoSerializationVerificationNeeded;

/// <summary>What the journal knew and could not be asked in time: the coordinator has begun without it.</summary>
internal sealed record RecalledLate(Recollection Memory) : INoSerializationVerificationNeeded;

/// <summary>Makes events durable, if the journal can be had. Answer, in any case and in bounded time: <see cref="Remembered"/>.</summary>
internal sealed record Remember(ImmutableArray<MedallionEvent> Events) : INoSerializationVerificationNeeded;

internal sealed record Remembered : INoSerializationVerificationNeeded
{
    public static readonly Remembered Instance = new();
}

/// <summary>The keeper wants to know everything; answered with <see cref="MedallionSnapshot"/>.</summary>
internal sealed record GetEverything : INoSerializationVerificationNeeded
{
    public static readonly GetEverything Instance = new();
}

/// <summary>From the one who reads and writes: it has read all that there is.</summary>
internal sealed record JournalRead(Recollection Memory) : INoSerializationVerificationNeeded;

/// <summary>From the one who reads and writes: the events of a <see cref="Remember"/> are durable.</summary>
internal sealed record JournalWritten : INoSerializationVerificationNeeded
{
    public static readonly JournalWritten Instance = new();
}

internal sealed record SnapshotWritten : INoSerializationVerificationNeeded
{
    public static readonly SnapshotWritten Instance = new();
}

/// <summary>From the one who reads and writes, before it stops: why it cannot.</summary>
/// <param name="IsUnreadable">It can be reached, and holds what this release cannot read.</param>
internal sealed record JournalFailed(Exception Cause, bool IsUnreadable) : INoSerializationVerificationNeeded;

/// <summary>Deletes everything and stops: somebody else remembers it now.</summary>
internal sealed record ForgetEverything : INoSerializationVerificationNeeded
{
    public static readonly ForgetEverything Instance = new();
}
