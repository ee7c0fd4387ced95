using System.CommandLine;
using System.Text.RegularExpressions;
using Pipeline.Demo;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What the program itself tells people to type can be typed; what documents show is <see cref="ReadmeSpec"/>'s.</summary>
public sealed partial class PrintedCommandsSpec
{
    /// <summary>What may stand where a text has a value of the moment, or a word in capitals.</summary>
    private static readonly string[] Values = ["silver/users", "1", "app", "shop.conf", "s3://bucket/lake", "127.0.0.1:2551", "[\"1\"]", "silver/users#1", "put"];

    private static RootCommand Root => CommandLine.Build(new NodeContext(TextWriter.Null, TextWriter.Null, _ => null, TimeProvider.System, Interruption: null), new DemoVerb());

    [Fact]
    public void Every_command_of_a_message_is_one()
    {
        var root = Root;
        var found = 0;
        var wrong = new List<string>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories).Where(path => !path.Contains("/obj/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            foreach (var line in File.ReadLines(file).Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal)))
                foreach (Match command in Command().Matches(line))
                {
                    found++;
                    if (ProblemOf(root, command) is { } problem) wrong.Add($"{Path.GetFileName(file)}: {command.Value}: {problem}");
                }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.InRange(found, 60, int.MaxValue);
    }

    [Fact]
    public void Every_example_of_the_help_is_accepted()
    {
        var found = 0;
        var wrong = new List<string>();
        foreach (var (path, verb) in VerbsOf(Root, []))
        {
            foreach (var option in verb.Options) Try(option.Description, [.. path, option.Name]);
            foreach (var argument in verb.Arguments.Take(1)) Try(argument.Description, path);

            void Try(string? description, string[] before)
            {
                foreach (Match example in Example().Matches(description ?? ""))
                {
                    found++;
                    var errors = ErrorsOf(Root, [.. before, example.Groups["example"].Value]);
                    if (errors.Count > 0) wrong.Add($"{string.Join(' ', before)} {example.Groups["example"].Value}: {string.Join(' ', errors)}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.InRange(found, 2, int.MaxValue);
    }

    private static string? ProblemOf(RootCommand root, Match command)
    {
        var words = Words().Matches(command.Groups["quoted"].Success ? command.Groups["quoted"].Value : Sentence().Match(command.Groups["free"].Value).Value).Select(word => word.Value).ToArray();
        // Behind the last option a sentence may go on; in quotes all of it is the command.
        var least = command.Groups["quoted"].Success ? words.Length : Math.Max(1, Array.FindLastIndex(words, word => word.StartsWith("--", StringComparison.Ordinal)) + 1);
        IReadOnlyList<string> errors = ["it is no command"];
        for (var count = words.Length; count >= least; count--)
            foreach (var value in Values)
            {
                var typed = words[..count].Select(word => word[0] == '{' || IsForPeople(word) ? value : Inner().Replace(word, "users")).ToArray();
                errors = ErrorsOf(root, typed);
                if (errors.Count == 0) return null;
            }

        return string.Join(' ', errors);
    }

    private static bool IsForPeople(string word) => word.Length > 1 && word.All(letter => char.IsAsciiLetterUpper(letter) || letter == '-');

    /// <summary>A verb that is named without all that it takes is named all the same.</summary>
    private static IReadOnlyList<string> ErrorsOf(RootCommand root, string[] typed) =>
        [.. root.Parse(typed).Errors.Select(error => error.Message).Where(message => !message.StartsWith("Required ", StringComparison.Ordinal) && !message.Contains(" is required", StringComparison.Ordinal))];

    private static IEnumerable<(string[] Path, Command Verb)> VerbsOf(Command command, string[] path) =>
        command.Subcommands.SelectMany(sub => VerbsOf(sub, [.. path, sub.Name])).Append((path, command));

    /// <summary><c>./pipeline ...</c> in a text, or <c>'pipeline ...'</c> in quotes of either kind.</summary>
    [GeneratedRegex("""(?:(?<quote>['`])(?:\./)?pipeline (?<quoted>[a-z][^'`"]*)\k<quote>|(?<!['`\w/])\./pipeline (?<free>[a-z][^'`"]*))""", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Command();

    /// <summary>Up to where the sentence ends, or another thought begins.</summary>
    [GeneratedRegex(@"^(?:\{[^{}]*\}|[^,;:(){}\s.]|[.:/](?=\S)|\s)*", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Sentence();

    [GeneratedRegex(@"(?:\{[^{}]*\}|[^\s{}])+", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Words();

    [GeneratedRegex(@"\{[^{}]*\}", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Inner();

    /// <summary><c>as silver/users#12</c>: of words that are no prose.</summary>
    [GeneratedRegex(@"\bas (?<example>[a-z0-9\[{][^\s,;]*[0-9/#=\]}][^\s,;]*?)(?=[,;.:]?(?:\s|$))", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Example();
}
