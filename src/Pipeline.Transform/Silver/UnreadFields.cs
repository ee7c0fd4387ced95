using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>
/// The members of JSON documents that were found, and that no column of the table's contract reads. They stand in the table's log as the
/// property <see cref="Property"/>, so that each is told once, whoever makes the next run.
/// </summary>
/// <param name="Told">At most <see cref="ToldMax"/>: documents may have data for names, as maps by id do.</param>
/// <param name="More">How many others there were when there were first more, or names that no path can have.</param>
public sealed record UnreadFields(ImmutableArray<UnreadField> Told, long More)
{
    /// <summary>The table's property.</summary>
    public const string Property = "pipeline.fields";

    /// <summary>So many of a table are told, the most frequent of a run first.</summary>
    public const int ToldMax = 50;

    private const int NameLengthMax = 100;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    public static UnreadFields None { get; } = new([], 0);

    [JsonIgnore]
    public long Count => Told.Length + More;

    /// <summary>What a table's log has of them; none for what no release has written that this one reads.</summary>
    public static UnreadFields Of(Snapshot table)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (table.Metadata.Configuration.GetValueOrDefault(Property) is not { } json) return None;
        try
        {
            return JsonSerializer.Deserialize<UnreadFields>(json, Options) is { Told.IsDefault: false } fields ? fields : None;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return None;
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <summary>Those that a contract does not read; none where it does not want to know.</summary>
    public IEnumerable<UnreadField> For(SilverContract contract)
    {
        ArgumentNullException.ThrowIfNull(contract);
        return contract.Fields == FieldsPolicy.Ignore ? [] : Told.Where(field => !field.IsReadBy(contract));
    }

    /// <summary>With what a run has found.</summary>
    /// <param name="rows">The result of <see cref="UnreadFieldsSql"/>.</param>
    internal UnreadFields With(ImmutableArray<ImmutableArray<string?>> rows)
    {
        var found = rows.GroupBy(row => (Document: row[0]!, IsRecord: row[1] == "true", Parent: row[2]!, Name: row[3]!))
            .Select(member => (member.Key, Path: PathOf(member.Key.Parent, member.Key.Name), Types: member.Select(row => row[4]!).ToHashSet(StringComparer.Ordinal), Records: member.Sum(row => long.Parse(row[5]!, CultureInfo.InvariantCulture))))
            .Select(member => (member.Path, Field: member.Path is null ? null : FieldOf(member.Key.Document, member.Key.IsRecord, member.Path, member.Types, member.Records))).ToList();
        var known = Told.Select(field => field.Member).ToHashSet();
        var news = found.Select(member => member.Field).OfType<UnreadField>().Where(field => !known.Contains(field.Member))
            .OrderByDescending(field => field.Records).ThenBy(field => field.Path, StringComparer.Ordinal).ToList();
        var told = news.Take(Math.Max(0, ToldMax - Told.Length)).ToList();
        var more = news.Count - told.Count + found.Count(member => member.Field is null);
        return told.Count == 0 && (more == 0 || More > 0) ? this : new UnreadFields([.. Told, .. told], More > 0 ? More : more);
    }

    /// <summary>What has come since the table's log had others; null: nothing.</summary>
    public UnreadFields? Since(UnreadFields before)
    {
        ArgumentNullException.ThrowIfNull(before);
        var known = before.Told.Select(field => field.Member).ToHashSet();
        var news = new UnreadFields([.. Told.Where(field => !known.Contains(field.Member))], before.More > 0 ? 0 : More);
        return news.Count == 0 ? null : news;
    }

    /// <summary>Null: no path reaches it, or it is longer than names are.</summary>
    private static string? PathOf(string parent, string name)
    {
        if (name.Length is 0 or > NameLengthMax) return null;
        return !name.Contains('.', StringComparison.Ordinal) && JsonPath.TryParse($"{parent}.{name}") is not null ? $"{parent}.{name}"
            : JsonPath.TryParse($"{parent}['{name}']") is not null ? $"{parent}['{name}']" : null;
    }

    /// <summary>Of what an engine says of values, the type that takes them all.</summary>
    private static UnreadField FieldOf(string document, bool isRecord, string path, HashSet<string> types, long records)
    {
        var isOfItems = JsonPath.TryParse(path)!.Array is not null;
        var isArray = types.SetEquals(["ARRAY"]);
        var type = types.All(one => one is "BIGINT" or "UBIGINT" or "HUGEINT" or "UHUGEINT") ? "long"
            : types.All(one => one is "BIGINT" or "UBIGINT" or "HUGEINT" or "UHUGEINT" or "DOUBLE") ? "double"
            : types.SetEquals(["BOOLEAN"]) ? "boolean" : "string";
        return new UnreadField(document, isRecord, isArray && !isOfItems ? $"{path}[*]" : path, isOfItems || isArray ? $"array<{type}>" : type, records);
    }
}
