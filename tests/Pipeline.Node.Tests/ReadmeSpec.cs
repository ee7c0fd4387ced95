using System.Text.RegularExpressions;
using Pipeline.Configuration;
using Pipeline.Demo;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Tests;

/// <summary>What the README and the documents show must be true. The demo itself is run by DemoProcessSpec.</summary>
public sealed partial class ReadmeSpec
{
    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Append(Path.Combine(Repository.Root, "README.md"))
            .Select(path => Path.GetRelativePath(Repository.Root, path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Documents))]
    public void Every_command_can_be_typed_as_it_stands(string document)
    {
        var root = CommandLine.Build(new NodeContext(TextWriter.Null, TextWriter.Null, _ => null, TimeProvider.System, Interruption: null), new DemoVerb());
        foreach (var command in BlocksOf(document, "sh").SelectMany(block => block.Split('\n')).Where(line => line.StartsWith("./pipeline ", StringComparison.Ordinal)))
        {
            var args = command.Split('#')[0]["./pipeline ".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (args[0] is "test" or "bench") continue;

            Assert.True(root.Parse(args).Errors.Count == 0, $"{command}: {string.Join(' ', root.Parse(args).Errors)}");
        }
    }

    [Theory, MemberData(nameof(Documents))]
    public void Every_piece_of_configuration_can_be_read(string document)
    {
        foreach (var block in BlocksOf(document, "hocon")) HoconReader.Read(document, _ => block, _ => null);
    }

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

    private static IEnumerable<string> BlocksOf(string document, string language) =>
        Block().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))).Where(block => block.Groups[1].Value == language).Select(block => block.Groups[2].Value);

    [GeneratedRegex("^```([a-z]*)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("`([A-Za-z0-9]+Spec)[.]([A-Za-z0-9_]+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
