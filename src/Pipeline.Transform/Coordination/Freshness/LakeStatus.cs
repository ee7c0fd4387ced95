using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Freshness;

/// <summary>
/// What running nodes last said of the lake's tables, written beside them once a minute: who looks into a lake that no node has
/// reads it there, and a node that starts goes on from it.
/// </summary>
/// <param name="At">When.</param>
public sealed record LakeStatus(DateTimeOffset At, ImmutableArray<ToldTable> Tables)
{
    public const string Path = "_pipeline/status.json";

    private const int BytesMax = 64 << 20;

    /// <summary>Null: no node has said anything yet.</summary>
    /// <exception cref="PipelineException">The store fails, or what is there cannot be read.</exception>
    public static async ValueTask<LakeStatus?> TryReadAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (await store.TryStatAsync(Path, cancellationToken) is not { } there) return null;
        if (there.Size > BytesMax) throw Damaged(store, $"it has {Plural.Of(there.Size, "byte")}", inner: null);
        if (await store.TryGetAsync(Path, cancellationToken) is not { } content) return null;
        try
        {
            var status = JsonSerializer.Deserialize<LakeStatus>(content, Json.Options);
            if (status is { Tables.IsDefault: false } && status.Tables.All(table => table?.Table is not null)) return status;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw Damaged(store, DataFaults.Cause(e), e);
        }

        throw Damaged(store, "it says nothing of tables", inner: null);
    }

    public ValueTask WriteAsync(IObjectStore store, CancellationToken cancellationToken) => store.PutAsync(Path, JsonSerializer.SerializeToUtf8Bytes(this, Json.Options), cancellationToken);

    private static PipelineException Damaged(IObjectStore store, string cause, Exception? inner) => new(FaultKind.Damaged, $"Object {Path} in {store.Location}", $"it does not say how the tables are ({cause})",
        "Delete it: running nodes write it again within a minute.", inner);
}

/// <summary>One table of <see cref="LakeStatus"/>.</summary>
/// <param name="Version">A version of the table that reflects that; -1: none is known.</param>
/// <param name="ReflectsUntil">The moment of its sources that it reflects.</param>
/// <param name="SlaSeconds">How old that may be.</param>
/// <param name="Fault">What was last said to be wrong; null: nothing.</param>
public sealed record ToldTable(TableId Table, long Version, DateTimeOffset ReflectsUntil, double SlaSeconds, ToldFault? Fault)
{
    /// <summary>What has kept the table in the last days and is over, the oldest first, so that it can be counted; null in what a release before has written.</summary>
    public ImmutableArray<ToldOutage>? Outages { get; init; }

    /// <summary>Why its source may have rows that are passed by although it is read on; null: nothing is known.</summary>
    public ToldFault? Doubt { get; init; }
}

/// <summary>A time in which something kept a table.</summary>
public sealed record ToldOutage(DateTimeOffset At, DateTimeOffset EndedAt);

/// <param name="At">When it was first said.</param>
/// <param name="EndedAt">When it was over; null: it is not.</param>
public sealed record ToldFault(DateTimeOffset At, FaultKind Kind, string Thing, string Cause, string NextStep, DateTimeOffset? EndedAt = null);
