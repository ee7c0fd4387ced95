using System.Text;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>A member of JSON documents that no column of a contract reads. It has no value of any record.</summary>
/// <param name="Document">The Bronze column that holds the documents.</param>
/// <param name="IsRecord">That column holds the whole record, and a contract need not name it.</param>
/// <param name="Path">Where the member is, as a contract writes it.</param>
/// <param name="Type">The contract type that takes what was seen.</param>
/// <param name="Records">So many of the records looked at had it, with a value that is not null, when it was found.</param>
public sealed record UnreadField(string Document, bool IsRecord, string Path, string Type, long Records)
{
    private const string Items = "[*]";

    /// <summary>The same for all types of the member.</summary>
    [JsonIgnore]
    public (string Document, string Path) Member => (Document, Path.EndsWith(Items, StringComparison.Ordinal) ? Path[..^Items.Length] : Path);

    /// <summary>The line of <c>columns</c> that would take it, under a name that the contract does not have.</summary>
    public string LineFor(SilverContract contract)
    {
        ArgumentNullException.ThrowIfNull(contract);
        var name = NameFor(taken => contract.Columns.Any(column => column.Name == taken));
        var type = Type.All(char.IsAsciiLetter) ? Type : $"\"{Type}\"";
        return $"{name} {{ type = {type}, {(IsRecord ? "" : $"from = {(Document.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') ? Document : $"\"{Document}\"")}, ")}path = \"{Path}\" }}";
    }

    /// <summary>The name of a column that takes it.</summary>
    /// <param name="isTaken">Whether a column has that name.</param>
    internal string NameFor(Func<string, bool> isTaken)
    {
        var wanted = NameOf(JsonPath.TryParse(Member.Path)?.Steps[^1] ?? "");
        var name = wanted;
        for (var next = 2; LakeName.FaultOfColumn(name) is not null || isTaken(name); next++) name = $"{wanted}_{next}";
        return name;
    }

    /// <summary>Whether a column of the contract reads it, what holds it, or what is in it.</summary>
    public bool IsReadBy(SilverContract contract)
    {
        ArgumentNullException.ThrowIfNull(contract);
        var steps = JsonPath.TryParse(Member.Path)?.Steps ?? [];
        return contract.Columns.SelectMany(column => column.Sources).Where(source => source.Column is null ? IsRecord : string.Equals(LakeName.OfSourceColumn(source.Column), Document, StringComparison.OrdinalIgnoreCase) || source.Column == Document)
            .Any(source => source.Path is null || JsonPath.TryParse(source.Path) is { } read && read.Steps.Zip(steps, JsonPath.IsSameStep).All(isSame => isSame));
    }

    /// <summary>For people and logs: <c>$.city (string, 1000 records)</c>.</summary>
    public override string ToString() => $"{Path} ({Type}, {Plural.Of(Records, "record")})";

    /// <summary><c>cityName</c> and <c>city-name</c> are <c>city_name</c>.</summary>
    private static string NameOf(string member)
    {
        var name = new StringBuilder();
        for (var i = 0; i < member.Length; i++)
        {
            if (char.IsAsciiLetterUpper(member[i]) && i > 0 && (char.IsAsciiLetterLower(member[i - 1]) || char.IsAsciiDigit(member[i - 1]))) name.Append('_');
            if (char.IsAsciiLetterOrDigit(member[i])) name.Append(char.ToLowerInvariant(member[i]));
            else if (name.Length > 0 && name[^1] != '_') name.Append('_');
        }

        var plain = name.ToString().Trim('_');
        return plain.Length > 0 && char.IsAsciiLetter(plain[0]) ? plain : $"field_{plain}".TrimEnd('_');
    }
}
