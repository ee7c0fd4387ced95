using System.Diagnostics;
using System.Text.RegularExpressions;
using Pipeline.Configuration;
using Pipeline.Demo;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What the README and the documents show must be true. The demo itself is run by DemoProcessSpec.</summary>
public sealed partial class ReadmeSpec
{
    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Append(Path.Combine(Repository.Root, "README.md")).Append(Path.Combine(Repository.Root, "CONTRIBUTING.md"))
            .Select(path => Path.GetRelativePath(Repository.Root, path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Documents))]
    public void Every_command_can_be_typed_as_it_stands(string document)
    {
        var root = CommandLine.Build(new NodeContext(TextWriter.Null, TextWriter.Null, _ => null, TimeProvider.System, Interruption: null), new DemoVerb());
        foreach (Match command in BlocksOf(document, "sh").SelectMany(block => Command().Matches(block)))
        {
            var args = command.Groups["arguments"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var problem = args[0] switch
            {
                "test" => ProblemOfTest(args[1..]),
                "bench" => args[1..].Except(BenchmarkNames, StringComparer.Ordinal).FirstOrDefault(),
                _ => root.Parse(args).Errors is { Count: > 0 } errors ? string.Join(' ', errors) : null,
            };
            Assert.True(problem is null, $"{command.Value}: {problem}");
        }
    }

    /// <summary>A filter that is shown must still match something.</summary>
    private static string? ProblemOfTest(string[] args)
    {
        var filters = args.Except(["--nightly", "--list"], StringComparer.Ordinal).ToArray();
        return filters.Length switch
        {
            0 => null,
            1 => TestNames.Value.Any(name => name.Contains(filters[0], StringComparison.OrdinalIgnoreCase)) ? null : $"no test matches {filters[0]}",
            _ => "it takes one filter",
        };
    }

    /// <summary>As the launcher finds them, which is compared with what is built by LauncherSpec.</summary>
    private static readonly Lazy<string[]> TestNames = new(() =>
    {
        using var launcher = Process.Start(new ProcessStartInfo(Path.Combine(Repository.Root, "pipeline"), ["test", "--list"]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        return launcher.StandardOutput.ReadToEnd().Split('\n');
    });

    private static IEnumerable<string> BenchmarkNames => typeof(Pipeline.Benchmarks.IBenchmark).Assembly.GetTypes()
        .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(Pipeline.Benchmarks.IBenchmark)))
        .Select(type => ((Pipeline.Benchmarks.IBenchmark)Activator.CreateInstance(type)!).Name);

    /// <summary>`PartitionReading`, `BronzeCommitterState.Decide`: what a walk through the code leads to must be there.</summary>
    [Theory, InlineData("docs/architecture.md"), InlineData("CONTRIBUTING.md")]
    public void Every_type_that_is_named_exists(string document)
    {
        foreach (var name in TypeName().Matches(Prose(document)).Select(named => named.Groups["name"].Value).Distinct(StringComparer.Ordinal))
        {
            var (type, member) = name.Split('.') is [var left, var right] ? (left, right) : (name, "");
            var declared = Sources.Value.Where(source => Regex.IsMatch(source, $@"\b(?:class|record|struct|interface|enum) {type}\b", RegexOptions.None, Patience)).ToList();
            Assert.True(declared.Count > 0, $"{document} names {name}");
            Assert.True(declared.Exists(source => Regex.IsMatch(source, $@"\b{member}\b", RegexOptions.None, Patience)), $"{document} names {name}");
        }
    }

    [Theory, MemberData(nameof(Documents))]
    public void Every_path_that_is_named_exists(string document)
    {
        foreach (var path in PathName().Matches(Prose(document)).Select(named => named.Groups["path"].Value).Where(path => !Placeholder().IsMatch(path) && !path.Contains('*', StringComparison.Ordinal) && path != ToBeWritten))
            Assert.True(Path.Exists(Path.Combine(Repository.Root, path)), $"{document} names {path}");
    }

    [Theory, MemberData(nameof(Documents))]
    public void Every_piece_of_configuration_can_be_read(string document)
    {
        foreach (var block in BlocksOf(document, "hocon")) HoconReader.Read(document, _ => block, _ => null);
    }

    /// <summary>Listings have none: a table that is shown with them is not what is printed.</summary>
    [Theory, MemberData(nameof(Documents))]
    public void No_table_is_shown_with_rules(string document) =>
        Assert.DoesNotContain(File.ReadLines(Path.Combine(Repository.Root, document)), line => line.Trim() is { Length: > 0 } rule && rule.All(letter => letter is '─' or ' '));

    [Theory, MemberData(nameof(Documents))]
    public void Every_link_leads_to_a_file(string document)
    {
        var directory = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
        foreach (Match link in Link().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))))
        {
            var target = link.Groups[1].Value.Split('#')[0];
            if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal)) continue;

            Assert.True(Path.Exists(Path.Combine(directory, target)), $"{document} links to {target}");
        }
    }

    [Theory, MemberData(nameof(Documents))]
    public void Every_test_that_is_named_exists(string document)
    {
        var tests = new Lazy<string>(() => string.Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText)));
        foreach (Match named in TestName().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))))
        {
            Assert.True(tests.Value.Contains($"class {named.Groups[1].Value}", StringComparison.Ordinal), $"{document} names {named.Value}");
            Assert.True(tests.Value.Contains($" {named.Groups[2].Value}(", StringComparison.Ordinal), $"{document} names {named.Value}");
        }
    }

    [Fact]
    public void The_README_shows_the_two_commands()
    {
        var commands = BlocksOf("README.md", "sh").SelectMany(block => block.Split('\n')).Select(line => line.Split('#')[0].Trim()).ToList();

        Assert.Contains("./pipeline demo", commands);
        Assert.Contains("./pipeline test", commands);
    }

    /// <summary>What the README shows how to add.</summary>
    private const string ToBeWritten = "hocon/silver/invoices.conf";

    private static readonly TimeSpan Patience = Deadlines.Test;

    private static readonly Lazy<List<string>> Sources = new(() => [.. ((string[])["src", "tests"])
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
        .Where(path => !path.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText)]);

    /// <summary>The document without its blocks of code.</summary>
    private static string Prose(string document) => Block().Replace(File.ReadAllText(Path.Combine(Repository.Root, document)), "");

    private static IEnumerable<string> BlocksOf(string document, string language) =>
        Block().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))).Where(block => block.Groups["language"].Value == language).Select(block => block.Groups["text"].Value);

    [GeneratedRegex("^```(?<language>[a-z]*)\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("^(?:[A-Z_]+=[^ ]+ )?[.]/pipeline (?<arguments>[^#\n]+)", RegexOptions.Multiline)]
    private static partial Regex Command();

    [GeneratedRegex("`(?<name>[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*(?:[.][A-Z][A-Za-z0-9]+)?)`")]
    private static partial Regex TypeName();

    /// <summary>Capitals stand for a name: NAME, YEAR-MONTH.</summary>
    [GeneratedRegex("NAME|/[A-Z]+(?:-[A-Z]+)*(?:/|$)")]
    private static partial Regex Placeholder();

    [GeneratedRegex("`(?<path>(?:src|tests|docs|hocon|docker|[.]ci)/[^` ]*)`")]
    private static partial Regex PathName();

    [GeneratedRegex("`([A-Za-z0-9]+Spec)[.]([A-Za-z0-9_]+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
