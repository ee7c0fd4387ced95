using Akka.Configuration;
using CsCheck;

namespace Pipeline.Configuration.Tests;

/// <summary>Akka has a HOCON parser of its own, without places of values. On what both understand, both must agree.</summary>
public sealed class HoconOracleSpec
{
    private static readonly Gen<string> Sections = Gen.Char["abc"].Select(c => c.ToString());

    // Never the name of a section too: where a value replaces a section, Akka keeps the section, against the specification.
    private static readonly Gen<string> Settings = Gen.Char["xyz"].Select(c => c.ToString());

    private static readonly Gen<string> Values = Gen.OneOf("1", "text", "\"quoted # text\"", "10 s", "64 MiB", "\"\"\"a \"triple\" one\"\"\"", "true", "[1, 2]", "[ \"x\", y ]", "\"\"");

    private static readonly Gen<string> Statements = Gen.Recursive<string>((depth, statement) =>
    {
        var path = Sections.Array[1, 3].Select(keys => string.Join('.', keys));
        var name = Gen.Select(Sections.Array[0, 2], Settings, (keys, last) => string.Join('.', [.. keys, last]));
        var setting = Gen.Select(name, Values, Gen.OneOf(" = ", " : ", "="), (key, value, separator) => key + separator + value);
        var section = Gen.Select(path, statement.Array[0, 3], (key, inner) => $"{key} {{\n{string.Join('\n', inner)}\n}}");
        return depth >= 2 ? setting : Gen.Frequency((3, setting), (2, section));
    });

    [Fact]
    public void Agrees_with_Akkas_parser() =>
        Statements.Array[1, 6].Select(statements => string.Join("\n# between\n", statements)).Sample(text =>
        {
            var theirs = Leaves(ConfigurationFactory.ParseString(text));
            var ours = Leaves(HoconFiles.Parse(text), "").ToDictionary(leaf => leaf.Path, leaf => leaf.Text, StringComparer.Ordinal);

            Assert.Equal(theirs.OrderBy(leaf => leaf.Key, StringComparer.Ordinal), ours.OrderBy(leaf => leaf.Key, StringComparer.Ordinal));
        }, iter: 1000);

    private static Dictionary<string, string> Leaves(Config config) =>
        config.IsEmpty ? [] : config.AsEnumerable()
            .SelectMany(field => Leaves(field.Value, field.Key))
            .ToDictionary(leaf => leaf.Path, leaf => leaf.Text, StringComparer.Ordinal);

    private static IEnumerable<(string Path, string Text)> Leaves(Akka.Configuration.Hocon.HoconValue value, string path)
    {
        if (value.IsObject()) return value.GetObject().Items.SelectMany(field => Leaves(field.Value, $"{path}.{field.Key}"));
        return [(path, value.IsArray() ? $"[{string.Join(", ", value.GetArray().Select(item => item.GetString()))}]" : value.GetString())];
    }

    private static IEnumerable<(string Path, string Text)> Leaves(ConfigValue value, string path) => value switch
    {
        ConfigObject section => section.Fields.SelectMany(field => Leaves(field.Value, path.Length == 0 ? field.Key : $"{path}.{field.Key}")),
        _ => [(path, ConfigValueText.Show(value))],
    };
}
