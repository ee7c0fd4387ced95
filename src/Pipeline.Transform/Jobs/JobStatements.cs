using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>A table that a run reads.</summary>
/// <param name="Columns">What it has where it does not exist; none: it exists, and its version says.</param>
public sealed record StatedInput(TableId Table, ImmutableArray<JobColumn> Columns);

/// <summary>
/// What a run computes, as its contract and the release that planned it said: with the versions of its pins and their files it is a
/// <see cref="JobSpec"/>. Kept beside the table under its SHA-256, which the pins name: whatever is configured by then, and whoever
/// finishes the run, it computes the same.
/// </summary>
internal sealed record JobStatements
{
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>Whose SQL they hold: <see cref="Dialects.SqlDialect.Engine"/>.</summary>
    public required string Dialect { get; init; }

    public required JobKind Kind { get; init; }

    /// <summary>For Silver its Bronze table first.</summary>
    public required ImmutableArray<StatedInput> Inputs { get; init; }

    public required ImmutableArray<JobColumn> Columns { get; init; }

    public required ImmutableArray<string> Key { get; init; }

    public string? Sql { get; init; }

    public long? Definition { get; init; }

    /// <summary>A Gold table's <see cref="Contracts.GoldShape"/> in JSON; null: of a release that did not keep it, or Silver's, which is among its statements.</summary>
    public string? Contract { get; init; }

    public SilverStatements? Silver { get; init; }

    public TimeSpan TimelyWithin { get; init; }

    /// <summary>What the table says to people from then on; null: what it says.</summary>
    public TableWords? Words { get; init; }

    /// <summary>The SHA-256 of their bytes.</summary>
    [JsonIgnore]
    public string Id => JobDocument.Sha256Of(ToUtf8());

    /// <summary>Where they are kept: readers and vacuum pass the directory by.</summary>
    public static string PathOf(TableId table, string id) => $"{table}/_statements/{id}.json";

    public byte[] ToUtf8() => JsonSerializer.SerializeToUtf8Bytes(this, Json.Options);

    /// <exception cref="PipelineException">They are not what their name says, or of a later release.</exception>
    public static JobStatements Read(string thing, string id, ReadOnlySpan<byte> utf8)
    {
        if (JobDocument.Sha256Of(utf8) != id) throw Unreadable(thing, "its bytes are not those that it was named by", null);
        try
        {
            return JsonSerializer.Deserialize<JobStatements>(utf8, Json.Options) is { Format: CurrentFormat } statements ? statements : throw Unreadable(thing, $"it is not of format {CurrentFormat}", null);
        }
        catch (JsonException e)
        {
            throw Unreadable(thing, e.Message.TrimEnd('.'), e);
        }
    }

    private static PipelineException Unreadable(string thing, string cause, Exception? inner) =>
        new(FaultKind.Damaged, thing, $"the statements of a run cannot be read: {cause}", "Restore the object, or start the release that has written it: it finishes the run.", inner);
}
