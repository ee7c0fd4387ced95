using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Contracts;

/// <summary>
/// All of a Gold table's configuration that says what it holds. It stands in the table's log as a Silver contract's does, under
/// <see cref="ContractShape.Property"/>, so that one look says what has changed since the rows were made.
/// </summary>
public sealed record GoldShape
{
    /// <summary>Raised when a release makes other rows of the same query.</summary>
    public const int CurrentRelease = 1;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) } };

    public required int Release { get; init; }

    public required string Sql { get; init; }

    public required Materialization Materialization { get; init; }

    public required ImmutableArray<string> Key { get; init; }

    /// <summary>In the order of their names.</summary>
    public required ImmutableArray<string> Personal { get; init; }

    public static GoldShape Of(GoldTable gold)
    {
        ArgumentNullException.ThrowIfNull(gold);
        return new GoldShape { Release = CurrentRelease, Sql = gold.Sql, Materialization = gold.Materialization, Key = [.. gold.Key], Personal = [.. gold.Personal.Order(StringComparer.Ordinal)] };
    }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <summary>Null for what no release has written that this one reads.</summary>
    public static GoldShape? TryRead(string? json)
    {
        if (json is null) return null;
        try
        {
            return JsonSerializer.Deserialize<GoldShape>(json, Options) is { Key.IsDefault: false, Personal.IsDefault: false } shape ? shape : null;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    /// <summary>What has changed since a table's rows were made.</summary>
    /// <param name="fingerprint">Of what it is now: all that a release before says, and moves without what else the log has.</param>
    public IReadOnlyList<ContractChange> ChangesSince(Snapshot table, long fingerprint)
    {
        ArgumentNullException.ThrowIfNull(table);
        var isByIt = table.Position(JobPlanner.DefinitionAppId) == fingerprint;
        if (TryRead(table.Metadata.Configuration.GetValueOrDefault(ContractShape.Property)) is not { } before) return isByIt ? [] : [Changed(ChangedPart.Query)];
        var changes = new List<ContractChange>();
        if (Release != before.Release) changes.Add(Changed(ChangedPart.Release));
        if (Sql != before.Sql) changes.Add(Changed(ChangedPart.Query));
        if (Materialization != before.Materialization) changes.Add(Changed(ChangedPart.Materialization));
        if (!Key.SequenceEqual(before.Key)) changes.Add(Changed(ChangedPart.Key));
        if (!Personal.SequenceEqual(before.Personal)) changes.Add(Changed(ChangedPart.Personal));
        return changes.Count == 0 && !isByIt ? [Changed(ChangedPart.Query)] : changes;
    }

    private static ContractChange Changed(ChangedPart part) => new(part, "", ChangeKind.Changed, ChangeMeaning.Rebuild);
}
