using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;

namespace Pipeline.Transform.Silver;

/// <summary>A column of a Silver table that has come by itself, from members of JSON documents that its contract does not read.</summary>
/// <param name="Type">As a contract writes it. It becomes wider, and never narrower.</param>
/// <param name="Document">The Bronze column that holds the documents.</param>
/// <param name="IsRecord">That column holds the whole record.</param>
/// <param name="Path">Where the member is, as a contract writes it.</param>
public sealed record AddedColumn(string Name, string Type, string Document, bool IsRecord, string Path)
{
    /// <summary>For people and logs: <c>city_name string ($.cityName)</c>.</summary>
    public override string ToString() => $"{Name} {Type} ({Path})";
}

/// <summary>
/// The columns of a table whose contract has <c>fields = add</c> that no contract names. They stand in the table's log as the property
/// <see cref="Property"/>, so that whoever opens the table knows them; the table is then made anew with them, as by a contract that has them.
/// </summary>
public sealed record AddedColumns(ImmutableArray<AddedColumn> Columns)
{
    /// <summary>The table's property.</summary>
    public const string Property = "pipeline.added";

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    public static AddedColumns None { get; } = new([]);

    /// <summary>What a table's log has of them; none for what no release has written that this one reads.</summary>
    /// <param name="table">Null: it is not there.</param>
    public static AddedColumns Of(Snapshot? table)
    {
        if (table?.Metadata.Configuration.GetValueOrDefault(Property) is not { } json) return None;
        try
        {
            return JsonSerializer.Deserialize<AddedColumns>(json, Options) is { Columns.IsDefault: false } added ? added : None;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return None;
        }
    }

    /// <summary>Null: there are none.</summary>
    public string? ToJson() => Columns.IsEmpty ? null : JsonSerializer.Serialize(this, Options);

    /// <summary>The contract with those that it does not name or read itself; as it is, where it wants none.</summary>
    public SilverContract Extend(SilverContract contract)
    {
        ArgumentNullException.ThrowIfNull(contract);
        if (contract.Fields != FieldsPolicy.Add || Columns.IsEmpty) return contract;
        // Nobody has said what they are about: where some columns are about people, these may be.
        var classification = contract.Columns.Any(column => column.Classification is Classification.Personal or Classification.Secret) ? Classification.Personal : Classification.Internal;
        var added = Columns.Where(column => contract.Columns.All(other => other.Name != column.Name) && !new UnreadField(column.Document, column.IsRecord, column.Path, column.Type, 0).IsReadBy(contract))
            .Select(column => new SilverColumn(column.Name, ColumnType.TryParse(column.Type)!, IsRequired: false, classification, Mask.None, column.IsRecord ? null : column.Document, column.Path) { Location = contract.Location });
        return contract with { Columns = [.. contract.Columns, .. added] };
    }

    /// <summary>With columns for members that were found, as many as a table may have.</summary>
    /// <param name="isTaken">Whether a column has that name.</param>
    internal AddedColumns With(IEnumerable<UnreadField> found, Func<string, bool> isTaken)
    {
        var columns = Columns;
        foreach (var field in found)
        {
            if (columns.Length == UnreadFields.ToldMax) break;
            if (columns.Any(column => new UnreadField(column.Document, column.IsRecord, column.Path, column.Type, 0).Member == field.Member)) continue;
            // A member that is an array in some records may be none in others: the text is there in all.
            var isWhole = field.Path != field.Member.Path;
            columns = columns.Add(new AddedColumn(field.NameFor(name => isTaken(name) || columns.Any(column => column.Name == name)), isWhole ? "string" : field.Type, field.Document, field.IsRecord, field.Member.Path));
        }

        return new AddedColumns(columns);
    }

    /// <summary>With those of another table of the same contract, as many as a table may have, each as wide as either has it.</summary>
    internal AddedColumns And(AddedColumns other) => new([.. AsWideAs(other).Columns.Concat(other.Columns.Where(column => Columns.All(known => known.Name != column.Name))).Take(UnreadFields.ToldMax)]);

    /// <summary>The same ones: where another table of the same contract has one by another type, it takes all values.</summary>
    internal AddedColumns AsWideAs(AddedColumns other) => new([.. Columns.Select(column => other.Columns.Any(known => known.Type != column.Type && known with { Type = column.Type } == column) ? Widest(column) : column)]);

    /// <summary>Those in which rows had a value that is none of the type take all values from now on.</summary>
    /// <param name="brokenRules">The rules that rows of a run break.</param>
    internal AddedColumns Widened(IReadOnlyCollection<string> brokenRules) => new([.. Columns.Select(column => brokenRules.Contains(SilverContract.TypeRule(column.Name)) ? Widest(column) : column)]);

    /// <summary>What has come, or become wider, since the table's log had others; null: nothing.</summary>
    internal AddedColumns? Since(AddedColumns before) => Columns.Except(before.Columns).ToImmutableArray() is { IsEmpty: false } news ? new AddedColumns(news) : null;

    private static AddedColumn Widest(AddedColumn column) => column with { Type = column.Type.StartsWith("array<", StringComparison.Ordinal) ? "array<string>" : "string" };
}
