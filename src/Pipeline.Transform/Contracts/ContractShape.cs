using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Contracts;

/// <summary>A column of a <see cref="ContractShape"/>.</summary>
/// <param name="Source">Where its value comes from, and how it is made of that.</param>
/// <param name="IsRequired">Beside being of the key.</param>
/// <param name="Mask">With the version of its key; null: none.</param>
public sealed record ShapedColumn(string Name, string Type, string Source, bool IsRequired, string? Mask);

public sealed record ShapedRule(string Name, string Check, Severity Severity);

public sealed record ShapedReference(string Name, string Column, TableId Table, string To, Severity Severity);

/// <summary>
/// All of a contract that says what rows its table has. It stands in the table's log as the property <see cref="Property"/>, so that whoever
/// opens the table under another contract knows what its rows were made by.
/// </summary>
public sealed record ContractShape
{
    /// <summary>The table's property.</summary>
    public const string Property = "pipeline.contract";

    /// <summary>The <c>txn</c> of a Silver table that has the property: its last run of a release that knows of it.</summary>
    public const string RunAppId = "contract";

    /// <summary>Raised when a release makes other rows by the same contract.</summary>
    public const int CurrentRelease = 1;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public required int Release { get; init; }

    public required TableId From { get; init; }

    public required RecordFormat Format { get; init; }

    public required ImmutableArray<string> Key { get; init; }

    public required ImmutableArray<string> OrderBy { get; init; }

    public required ImmutableArray<ShapedColumn> Columns { get; init; }

    public required ImmutableArray<ShapedRule> Rules { get; init; }

    public required ImmutableArray<ShapedReference> References { get; init; }

    public static ContractShape Of(SilverContract contract) => new()
    {
        Release = CurrentRelease,
        From = contract.From,
        Format = contract.Format,
        Key = [.. contract.Key],
        OrderBy = [.. contract.OrderBy],
        Columns = [.. contract.Columns.Select(column => new ShapedColumn(column.Name, ColumnType.Format(column.Type), SourceOf(column), column.IsRequired && !contract.Key.Contains(column.Name), MaskOf(column)))],
        Rules = [.. contract.Rules.Select(rule => new ShapedRule(rule.Name, rule.Check, rule.Severity))],
        References = [.. contract.References.Select(reference => new ShapedReference(reference.Name, reference.Column, reference.Table, reference.To, reference.Severity))],
    };

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <summary>Whether runs came behind the property that knew nothing of it, of a release before: nobody says by what contract they were.</summary>
    public static bool IsLeftBehind(Snapshot table)
    {
        ArgumentNullException.ThrowIfNull(table);
        return table.Position(RunAppId) is { } known && known != table.Position(JobPins.RunAppId);
    }

    /// <summary>Null for what no release has written that this one reads.</summary>
    public static ContractShape? TryRead(string? json)
    {
        if (json is null) return null;
        try
        {
            return JsonSerializer.Deserialize<ContractShape>(json, Options);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    /// <summary>What has changed since the rows were made by the contract that a table's property has.</summary>
    /// <param name="property">Null: of a release that did not say, which masked without a key.</param>
    public IReadOnlyList<ContractChange> ChangesSince(string? property) => TryRead(property) is { } before ? ChangesSince(before)
        : [.. Columns.Where(column => column.Mask is not null).Select(column => new ContractChange(ChangedPart.Mask, column.Name, ChangeKind.Changed, ChangeMeaning.Rebuild))];

    /// <summary>What has changed since the rows were made, in the order of the contract.</summary>
    public IReadOnlyList<ContractChange> ChangesSince(ContractShape before)
    {
        var changes = new List<ContractChange>();
        Whole(ChangedPart.Release, Release != before.Release);
        Whole(ChangedPart.From, From != before.From);
        Whole(ChangedPart.Format, Format != before.Format);
        Whole(ChangedPart.Key, !Key.SequenceEqual(before.Key));
        Whole(ChangedPart.OrderBy, !OrderBy.SequenceEqual(before.OrderBy));
        foreach (var column in Columns)
        {
            if (before.Columns.FirstOrDefault(other => other.Name == column.Name) is not { } known)
            {
                changes.Add(new ContractChange(ChangedPart.Column, column.Name, ChangeKind.Added, column.IsRequired ? ChangeMeaning.Rebuild : ChangeMeaning.FillColumns));
                continue;
            }

            if (column.Mask != known.Mask) changes.Add(new ContractChange(ChangedPart.Mask, column.Name, ChangeKind.Changed, ChangeMeaning.Rebuild));
            if (column with { Mask = null } == known with { Mask = null }) continue;
            // A value that may be missing now lets rows in, and takes none away.
            var isMilder = !column.IsRequired && column with { Mask = null } == known with { Mask = null, IsRequired = false };
            changes.Add(new ContractChange(ChangedPart.Column, column.Name, ChangeKind.Changed, isMilder ? ChangeMeaning.JudgeQuarantine : ChangeMeaning.Rebuild));
        }

        changes.AddRange(before.Columns.Where(known => Columns.All(column => column.Name != known.Name)).Select(known => new ContractChange(ChangedPart.Column, known.Name, ChangeKind.Removed, ChangeMeaning.Rebuild)));
        Conditions(ChangedPart.Rule, Rules, before.Rules, rule => rule.Name, rule => rule.Severity, rule => rule with { Severity = default });
        Conditions(ChangedPart.Reference, References, before.References, reference => reference.Name, reference => reference.Severity, reference => reference with { Severity = default });
        return changes;

        void Whole(ChangedPart part, bool isOther)
        {
            if (isOther) changes.Add(new ContractChange(part, "", ChangeKind.Changed, ChangeMeaning.Rebuild));
        }

        void Conditions<T>(ChangedPart part, ImmutableArray<T> now, ImmutableArray<T> then, Func<T, string> name, Func<T, Severity> severity, Func<T, T> condition)
            where T : class
        {
            foreach (var one in now)
            {
                var known = then.FirstOrDefault(other => name(other) == name(one));
                var isSame = known is not null && condition(known).Equals(condition(one));
                if (isSame && severity(known!) == severity(one)) continue;
                changes.Add(new ContractChange(part, name(one), known is null ? ChangeKind.Added : ChangeKind.Changed, Meaning(known is null ? null : severity(known), severity(one), isSame)));
            }

            changes.AddRange(then.Where(known => now.All(one => name(one) != name(known)))
                .Select(known => new ContractChange(part, name(known), ChangeKind.Removed, severity(known) != Severity.Warn ? ChangeMeaning.JudgeQuarantine : ChangeMeaning.Nothing)));
        }
    }

    /// <summary>Rows in the table keep to what set rows aside or ended the run; rows of the quarantine have broken what set them aside.</summary>
    private static ChangeMeaning Meaning(Severity? then, Severity now, bool isSame) => (then, now, isSame) switch
    {
        (_, Severity.Warn, _) => then is Severity.Quarantine or Severity.Fail ? ChangeMeaning.JudgeQuarantine : ChangeMeaning.Nothing,
        (Severity.Quarantine, Severity.Fail, true) => ChangeMeaning.JudgeQuarantine,
        (Severity.Fail, Severity.Quarantine, true) => ChangeMeaning.Nothing,
        _ => ChangeMeaning.Rebuild,
    };

    private static string SourceOf(SilverColumn column) => column.ValueText is { } value ? $"value {value}" : $"{column.From}{(column.Path is null ? "" : $" {column.Path}")}";

    private static string? MaskOf(SilverColumn column) => column.Mask == Contracts.Mask.None ? null : $"{(column.Mask == Contracts.Mask.Hash ? "hash" : "redact")} {column.MaskVersion}".TrimEnd();
}
