using Pipeline.Core;

namespace Pipeline.Configuration.Tests;

/// <summary>Names of sources and of their tables become directories and actors.</summary>
public sealed class SourceNamesSpec
{
    [Fact]
    public void Names_that_cannot_be_or_are_taken_are_told_with_their_line()
    {
        const string text = """
            good { type = kind, tables { orders {}, "order.lines-2" {} } }
            "../silver" { type = kind, tables { orders {} } }
            app {
              type = kind
              tables {
                _dead_letter {}
                "a~b" {}
                Users {}
                users {}
              }
            }
            App { type = kind, tables { orders {} } }
            """;
        var problems = new List<ConfigProblem>();

        SourceBinding.Bind(new SettingsReader(HoconReader.Read("test.conf", _ => text, _ => null), "", problems), [new Kind()], out _);

        Assert.Equal(
        [
            "test.conf:2: ../silver: '../silver' is not the name of a source. Use letters, digits, _, - and ., a letter or digit first",
            "test.conf:6: app.tables._dead_letter: '_dead_letter' is not the name of a table of a source. Use letters, digits, _, - and ., a letter or digit first",
            "test.conf:7: app.tables.a~b: 'a~b' is not the name of a table of a source. Use letters, digits, _, - and ., a letter or digit first",
            "test.conf:9: app.tables.users: only case tells it from 'Users', and stores exist that do not look at it. Give it another name",
            "test.conf:12: App: only case tells it from 'app', and stores exist that do not look at it. Give it another name",
        ], problems.OrderBy(problem => problem.Location.Line).Select(problem => problem.ToString()));
    }

    private sealed class Kind : ISourceKind
    {
        string ISourceKind.Kind => "kind";

        public ISourceDefinition Bind(string name, SettingsReader settings) =>
            new Definition(name, [.. settings.Section("tables").Children().Select(table => new SourceTable(table.Name, 1))]);
    }

    private sealed record Definition(string Name, IReadOnlyList<SourceTable> Tables) : ISourceDefinition
    {
        public string Kind => "kind";

        public ISource Open(SourceServices services) => throw new NotSupportedException();

        public ISource OpenToLook(SourceServices services, int rowsMax) => throw new NotSupportedException();
    }
}
