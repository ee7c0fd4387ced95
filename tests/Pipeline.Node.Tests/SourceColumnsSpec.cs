using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>Whoever reads Bronze takes the names of a source's columns from its shape: none is written down there.</summary>
public sealed partial class SourceColumnsSpec
{
    private static readonly string[] Readers = ["Pipeline.Ingest", "Pipeline.Transform", "Pipeline.DuckDb", "Pipeline.Operations", "Pipeline.Node/Verification", "Pipeline.Node/Verbs", "Pipeline.Node/Inspection"];

    /// <summary>Files to which the word "value" means something else: parts of DuckDB's syntax trees, the bytes of a dead letter, a setting.</summary>
    private static readonly string[] SayValue = ["PredicateBounds.cs", "SqlNames.cs", "SqlReferences.cs", "SqlTree.cs", "SqlTypes.cs", "DlqShowVerb.cs", "SilverContractBinder.cs"];

    /// <summary>Makes the rows of a model's test as a source would: it writes Bronze, and reads none.</summary>
    private const string Writer = "ModelBronze.cs";

    public static TheoryData<string> Sources => [.. Readers.Where(room => Directory.Exists(Path.Combine(Repository.Root, "src", room)))];

    [Theory, MemberData(nameof(Sources))]
    public void No_reader_of_Bronze_names_a_column_of_a_source(string room)
    {
        var named = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", room), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && Path.GetFileName(path) != Writer)
            .SelectMany(path => Literals(File.ReadAllText(path)).Where(literal => Column().IsMatch(literal) && !(literal == "value" && SayValue.Contains(Path.GetFileName(path), StringComparer.Ordinal)))
                .Select(literal => $"{Path.GetFileName(path)}: {literal}"));

        Assert.Empty(named);
    }

    [Fact]
    public void Names_are_found_in_texts_of_every_form_and_nowhere_else()
    {
        const string code = """"
            var a = "_offset"; // not "_sequence" here
            var b = $"min({_partition}), max(_partition)";
            var c = $$"""
                SELECT _changed FROM {{_key}}
                """;
            var d = "value"; var e = "the value"; var f = "parse_timestamp(x)";
            """";

        Assert.Equal(["_offset", "min(), max(_partition)", "SELECT _changed FROM", "value"], Literals(code).Where(literal => Column().IsMatch(literal)).Select(literal => literal.Trim()));
    }

    /// <summary>Texts of C# code without what is inserted into them.</summary>
    private static IEnumerable<string> Literals(string code) => Text().Matches(code).Where(match => match.Groups["text"].Success)
        .Select(match => match.Groups["holes"].Value.Length switch
        {
            0 => match.Groups["text"].Value.Trim('"'),
            1 => Hole().Replace(match.Groups["text"].Value, "").Trim('"'),
            _ => DoubleHole().Replace(match.Groups["text"].Value, "").Trim('"'),
        });

    /// <summary>A comment, or a text.</summary>
    [GeneratedRegex(""""//[^\n]*|(?<holes>\$*)@?(?<text>"""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*")"""")]
    private static partial Regex Text();

    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex Hole();

    [GeneratedRegex(@"\{\{[^{}]*\}\}")]
    private static partial Regex DoubleHole();

    /// <summary>Columns that the sources' own code names: keep it in step with them.</summary>
    [GeneratedRegex("^value$|(?<![A-Za-z0-9_])_(partition|offset|timestamp|key|headers|schema_id|sequence|changed)(?![A-Za-z0-9_])")]
    private static partial Regex Column();
}
