using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Transform.Tests;

public sealed class FreshnessOptionsSpec
{
    private static readonly TableId Sales = TableId.Gold("sales");

    [Fact]
    public void Two_hours_are_promised_unless_the_pipeline_or_the_table_promises_something_else()
    {
        var (options, problems) = Bind("sla = 30m, tables { \"gold/sales\" = 5m }");

        Assert.Empty(problems);
        Assert.Equal(TimeSpan.FromMinutes(5), options.SlaOf(Sales));
        Assert.Equal(TimeSpan.FromMinutes(30), options.SlaOf(TableId.Silver("users")));
        Assert.Equal(TimeSpan.FromHours(2), Bind("").Options.SlaOf(Sales));
    }

    [Theory]
    [InlineData("tables { \"gold/sale\" = 5m }", "freshness.tables.gold/sale", "is not a table of this pipeline. Did you mean 'gold/sales'?")]
    [InlineData("tables { sales = 5m }", "freshness.tables.sales", "is not a table of this pipeline")]
    [InlineData("tables { \"gold/sales\" = 1ms }", "freshness.tables.gold/sales", "1ms")]
    [InlineData("sla = 0s", "freshness.sla", "0s")]
    public void A_promise_that_cannot_be_kept_track_of_is_told_with_its_place(string text, string path, string message)
    {
        var problem = Assert.Single(Bind($"\n{text}").Problems);

        Assert.Equal((3, path), (problem.Location.Line, problem.Path));
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    private static (FreshnessOptions Options, List<ConfigProblem> Problems) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(HoconReader.Read("test.conf", _ => $"freshness {{\n{text}\n}}", _ => null), "", problems);
        return (FreshnessOptions.Bind(root.Section("freshness"), [Sales, TableId.Silver("users")]), problems);
    }
}
