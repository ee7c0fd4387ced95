using System.Text.Json;

namespace Pipeline.Core;

/// <summary>What a source says of a split when it is asked whether it is where a table has left it.</summary>
/// <param name="Beginning">The first position that it has now, where a split of which nothing is remembered begins; null: it does not say.</param>
/// <param name="Fault">
/// Why reading cannot go on there; null: it can, as far as the source knows. A <see cref="FaultKind.Gap"/> has either a
/// <see cref="PipelineException.Gap"/>, when records are gone that were not read, or <see cref="PipelineException.ReadAgainFrom"/>, when
/// the source has fewer or other records than were read. A transient one: there is another history now, whose splits are listed.
/// </param>
public sealed record SplitStanding(SplitId Split, long? Beginning, PipelineException? Fault = null)
{
    /// <inheritdoc cref="ISource.DoubtOf"/>
    public PipelineException? Doubt { get; init; }

    /// <summary>
    /// Where it begins for a table that reads it again together with new snapshots, as of this answer: all that lies before will be in them, and
    /// some of it may be true no more without a word in the split. Null: it has none, and is read again from where it differs.
    /// </summary>
    public long? BeginningAnew { get; init; }
}

/// <summary>Records that a table and its source do not have in common.</summary>
/// <param name="Range">
/// Without <paramref name="IsBehind"/> those that are gone at the source and were not read: from the table's position to the oldest
/// that is still there. With it those that were read and that the source has no more, or others in their place: up to the table's position.
/// </param>
/// <param name="IsBehind">The source is behind the table: its records are read again in a new epoch.</param>
public readonly record struct SplitGap(SplitId Split, PositionRange Range, bool IsBehind = false)
{
    /// <summary>Where the new epoch of a source that is behind begins, with snapshots for what lies before; null: with the range.</summary>
    public long? BeginsAt { get; init; }
}

/// <summary>
/// A split that an operator has to decide about, recorded where positions are: whether the source looks well again later, because a
/// shorter log has grown, says nothing.
/// </summary>
/// <param name="From">From where on the source's records are not those that were read.</param>
/// <param name="Position">Up to where the split was read.</param>
public sealed record SplitHalt(long From, long Position, string Thing, string Cause, string NextStep, DateTimeOffset NoticedAt)
{
    public const string Prefix = "pipeline.halt.";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public Fault FaultOf(SplitId split) => new(FaultKind.Gap, Thing, Cause, NextStep, split) { AwaitsWord = true, ReadAgainFrom = From };

    /// <summary>The table's property that holds it.</summary>
    public static string KeyOf(SplitId split) => Prefix + split;

    public string Write() => JsonSerializer.Serialize(this, Json);

    /// <summary>All of a table's, from its properties.</summary>
    /// <exception cref="PipelineException">One is not as this product writes it.</exception>
    public static IReadOnlyDictionary<SplitId, SplitHalt> Of(IReadOnlyDictionary<string, string> properties)
    {
        var halts = new Dictionary<SplitId, SplitHalt>();
        foreach (var (key, value) in properties)
            if (key.StartsWith(Prefix, StringComparison.Ordinal)) halts[SplitId.Parse(key[Prefix.Length..])] = Read(key, value);
        return halts;
    }

    private static SplitHalt Read(string key, string value)
    {
        try
        {
            if (JsonSerializer.Deserialize<SplitHalt>(value, Json) is { Thing: not null, Cause: not null, NextStep: not null } halt) return halt;
        }
        catch (JsonException)
        {
            // Told below, with its name.
        }

        throw new PipelineException(FaultKind.Damaged, $"Table property {key}", "it does not say what halts the split", "Restore the table's log, or set the property as it was in an earlier version of it.");
    }
}
