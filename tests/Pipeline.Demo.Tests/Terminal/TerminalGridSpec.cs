using System.Text;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Demo.Driver;
using Pipeline.Demo.Session;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Tests;
using Pipeline.Operations.Inspection;
using Pipeline.Testing;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Demo.Tests.Terminal;

/// <summary>
/// What a person sees, cell by cell, as a terminal emulator has it, and as a browser draws it. The pictures, on a dark and on a light ground, are in
/// <c>pictures</c> beside the tests, or in the folder that <c>PIPELINE_PICTURES</c> names: they are looked at.
/// </summary>
public sealed class TerminalGridSpec : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly LakeFixture _lake = new();

    public static TheoryData<int, int> Sizes => new() { { 80, 24 }, { 120, 40 } };

    public void Dispose() => _lake.Dispose();

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task The_demo_is_drawn_in_its_place(int width, int height)
    {
        var terminal = new Written(new TerminalSize(width, height));
        var display = new TerminalDisplay(terminal.Context);

        terminal.Data.Write("$ ./pipeline demo\n");
        display.Show(Demo(seconds: 9, rows: 1_000, "retrying: the source crm does not answer: it was asked for its table accounts and has closed the connection three times\nits log is elsewhere"));
        display.Show(Demo(seconds: 74, rows: 123_456, "running"));

        await VerifyAsync("demo", terminal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_demo_of_which_something_is_not_well_says_so_first(int width, int height)
    {
        var terminal = new Written(new TerminalSize(width, height));

        new TerminalDisplay(terminal.Context).Show(Demo(seconds: 9, rows: 1_000, "halted: relation public.accounts was dropped, and nobody has said whether what it had is to stay"));

        await VerifyAsync("demo-halted", terminal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_running_pipeline_is_watched(int width, int height)
    {
        var terminal = new Written(new TerminalSize(width, height));
        var frames = new Frames(terminal.Context);

        terminal.Data.Write("$ ./pipeline watch\n");
        RunningText.Draw(terminal.Invocation, Running(tables: 40, halted: 3), frames);
        RunningText.Draw(terminal.Invocation, Running(tables: 40, halted: 1), frames);

        await VerifyAsync("watch", terminal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_pipeline_that_is_well_is_watched(int width, int height)
    {
        var terminal = new Written(new TerminalSize(width, height));
        var frames = new Frames(terminal.Context);

        terminal.Data.Write("$ ./pipeline watch\n");
        RunningText.Draw(terminal.Invocation, Well(seconds: 2), frames);
        RunningText.Draw(terminal.Invocation, Well(seconds: 4), frames);

        await VerifyAsync("watch-well", terminal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_pipeline_that_is_well_is_one_screen(int width, int height)
    {
        var terminal = new Written(new TerminalSize(width, height));

        terminal.Data.Write("$ ./pipeline status --running\n");
        RunningText.Print(terminal.Invocation, Well(seconds: 2), RunningText.TablesMax);

        await VerifyAsync("status-running-well", terminal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_lake_that_is_well_is_one_screen(int width, int height)
    {
        var terminal = new Written(new TerminalSize(width, height), _lake.Time);
        TableId[] tables = [TableId.Bronze("crm", "accounts"), TableId.Bronze("events", "page_views_of_all_shops_by_session"), TableId.Silver("accounts"), TableId.Silver("page_views"), TableId.Gold("accounts_by_day")];
        foreach (var table in tables) await _lake.AppendAsync(table, "Ada", "Grace");
        await new LakeStatus(_lake.Time.GetUtcNow().AddSeconds(-20), [.. tables.Select((table, i) => new ToldTable(table, 1, _lake.Time.GetUtcNow().AddSeconds(-1.5 * (i + 1)), 7_200, Fault: null))]).WriteAsync(_lake.Lake.Store, TestContext.Current.CancellationToken);

        terminal.Data.Write("$ ./pipeline status\n");
        Assert.Equal(ExitCode.Done, await CommandLine.RunAsync(["status", "--lake", _lake.Directory], terminal.Context, new DemoVerb()));

        await VerifyAsync("status-well", terminal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task What_is_wider_than_the_terminal_leaves_nothing_behind(int width, int height)
    {
        var (size, url) = (new TerminalSize(width, height), $"https://wiki.example/{new string('x', 400)}");
        var (after, fresh) = (new Written(size), new Written(size));
        var frames = new Frames(after.Context);

        frames.Show(_ => ["first", Ink.Of(after.Context).Paint($"注文 {url}", Tone.Bad), "last"]);
        RunningText.Draw(after.Invocation, Running(tables: 3, halted: 2, $"Read {url}\nand what it says further."), frames);
        RunningText.Draw(after.Invocation, Running(tables: 3, halted: 0), frames);
        RunningText.Draw(fresh.Invocation, Running(tables: 3, halted: 0), new Frames(fresh.Context));

        Assert.Equal(await TerminalEmulator.ScreenOfAsync(fresh.Bytes, size), await TerminalEmulator.ScreenOfAsync(after.Bytes, size));
    }

    /// <summary>Between two frames somebody has taken its window larger or smaller: what was drawn stands elsewhere, and in other lines.</summary>
    [Theory]
    [InlineData(120, 40, 80, 24)]
    [InlineData(80, 24, 120, 40)]
    [InlineData(120, 40, 120, 12)]
    [InlineData(80, 24, 61, 24)]
    public async Task A_terminal_of_another_size_has_the_next_frame_alone(int width, int height, int widthAfter, int heightAfter)
    {
        var (before, after) = (new TerminalSize(width, height), new TerminalSize(widthAfter, heightAfter));
        var (resized, fresh) = (new Written(before), new Written(after));
        var frames = new Frames(resized.Context);

        RunningText.Draw(resized.Invocation, Running(tables: 40, halted: 3), frames);
        var first = resized.Bytes;
        resized.Size = after;
        RunningText.Draw(resized.Invocation, Running(tables: 40, halted: 1), frames);
        var second = resized.Bytes[first.Length..];
        RunningText.Draw(resized.Invocation, Running(tables: 40, halted: 1), frames);
        var third = resized.Bytes[(first.Length + second.Length)..];
        RunningText.Draw(fresh.Invocation, Running(tables: 40, halted: 1), new Frames(fresh.Context));

        var alone = await TerminalEmulator.ScreenOfAsync(fresh.Bytes, after);
        Assert.Equal(alone, await TerminalEmulator.ScreenOfAsync((first, before), (second, after)));
        Assert.Equal(alone, await TerminalEmulator.ScreenOfAsync((first, before), (second, after), (third, after)));
    }

    [Theory]
    [InlineData(0, "None is")]
    [InlineData(1, "1 is")]
    [InlineData(2, "2 are")]
    public void The_summary_says_how_many_are_late_in_words_of_their_number(int late, string words)
    {
        var terminal = new Written(TerminalSize.Usual);

        RunningText.Draw(terminal.Invocation, Running(tables: 3, halted: late), new Frames(terminal.Context));

        Assert.Contains($" {words} later than is promised.", terminal.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Tables_are_listed(int width, int height)
    {
        // Behind every clock, so that all are of now.
        _lake.Time.SetUtcNow(new DateTimeOffset(2999, 12, 31, 23, 59, 58, TimeSpan.Zero));
        foreach (var name in (string[])["orders", "customers", "web_clicks_of_all_shops_by_session"]) await _lake.AppendAsync(TableId.Silver(name), [.. Enumerable.Repeat("Ada", 1_234)]);
        await _lake.AppendAsync(TableId.Bronze("warehouse", "stock_of_all_shops_and_their_suppliers"), "Ada");

        await VerifyRunAsync("tables", new TerminalSize(width, height), "tables", "--lake", ".");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Rows_are_shown(int width, int height)
    {
        await _lake.AppendAsync(TableId.Silver("orders"), "Ada", "注文 of two cells", "a name that is longer than a narrow terminal is wide, with words that are not broken where it ends", "\e[31mno colour\e[0m", null);

        await VerifyRunAsync("show", new TerminalSize(width, height), "show", "silver/orders", "--lake", ".");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Errors_of_a_configuration_are_folded_between_words(int width, int height)
    {
        await File.WriteAllTextAsync(Path.Combine(_lake.Directory, "pipeline.conf"), """
            pipeline {
              cluster.roles = [ingest, transfrom]
              ingest.profile = low-latncy
              sources { events { type = kafak, bootstrap = "127.0.0.1:9092", tables { clicks { topic = clicks, format = json } } } }
              silver { clicks { from = bronze/events/clicks, key = [id], columns { id { type = lnog, required = true, from = value, path = "$.id" } } } }
            }
            """, TestContext.Current.CancellationToken);

        await VerifyRunAsync("check", new TerminalSize(width, height), "check", "--config", "pipeline.conf");
    }

    /// <summary>What fails is said last and in red, with what to do on lines of its own, folded between words.</summary>
    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_source_that_does_not_answer_is_told_with_what_to_do(int width, int height)
    {
        await File.WriteAllTextAsync(Path.Combine(_lake.Directory, "pipeline.conf"), """
            pipeline {
              lake.location = ./lake
              transform.journal.connection = "Data Source=journal.db"
              sources.shop {
                type = postgres, host = 127.0.0.1, port = 1, database = shop
                security { username = reader, password = none, tls = disable }
                tables { orders { table = public.orders_of_all_shops_and_their_suppliers, watermark = updated_at, key = [id] } }
              }
              silver.orders { from = bronze/shop/orders, key = [id], columns { id { type = long, required = true } } }
            }
            """, TestContext.Current.CancellationToken);

        await VerifyRunAsync("check-source", new TerminalSize(width, height), "check", "--config", "pipeline.conf");
    }

    [Fact]
    public async Task A_demo_that_is_there_is_not_replaced_where_nobody_says_so()
    {
        var hidden = Directory.CreateDirectory(Path.Combine(_lake.Directory, "lake", ".demo")).FullName;
        new DemoManifest(Seed: 1, Noon, RowsPerTick: 100, Ticks: 3).Save(hidden);
        var kept = Path.Combine(_lake.Directory, "lake", "kept");
        await File.WriteAllTextAsync(kept, "", TestContext.Current.CancellationToken);

        var written = Encoding.UTF8.GetString(await TerminalEmulator.RunAsync(_lake.Directory, TerminalSize.Usual, "pipeline-demo.dll", typed: "n\n", "demo", "--lake", "lake", "--config", Path.Combine(Repository.Root, "hocon", "demo.conf")));

        Assert.Contains("Replace it?", written, StringComparison.Ordinal);
        Assert.Contains("it is kept", written, StringComparison.Ordinal);
        Assert.True(File.Exists(kept));
    }

    [Fact]
    public async Task Without_colours_the_screen_says_the_same()
    {
        var (coloured, plain) = (new Written(TerminalSize.Usual), new Written(TerminalSize.Usual, ("NO_COLOR", "1")));

        new TerminalDisplay(coloured.Context).Show(Demo(seconds: 9, rows: 1_000, "halted: dropped"));
        new TerminalDisplay(plain.Context).Show(Demo(seconds: 9, rows: 1_000, "halted: dropped"));

        var (with, without) = (await TerminalEmulator.ScreenOfAsync(coloured.Bytes, TerminalSize.Usual), await TerminalEmulator.ScreenOfAsync(plain.Bytes, TerminalSize.Usual));
        Assert.Contains("bold red", with, StringComparison.Ordinal);
        Assert.DoesNotContain("columns", without.Split('\n', 2)[1], StringComparison.Ordinal);
        Assert.StartsWith(without, with, StringComparison.Ordinal);
    }

    private static Task VerifyAsync(string name, Written terminal) => VerifyAsync(name, terminal.Bytes, terminal.Context.Screen!());

    private async Task VerifyRunAsync(string name, TerminalSize size, params string[] args) => await VerifyAsync(name, await TerminalEmulator.RunAsync(_lake.Directory, size, args), size, _lake.Directory);

    private static async Task VerifyAsync(string name, byte[] bytes, TerminalSize size, string? directory = null)
    {
        var screen = await TerminalEmulator.ScreenOfAsync(bytes, size);
        Golden.Verify($"terminal/{name}-{size.Width}x{size.Height}.txt", directory is null ? screen : screen.Replace(directory, "DIRECTORY", StringComparison.Ordinal));

        var folder = Directory.CreateDirectory(Environment.GetEnvironmentVariable("PIPELINE_PICTURES") is { Length: > 0 } named ? named : Path.Combine(AppContext.BaseDirectory, "pictures")).FullName;
        if (await TerminalEmulator.DrawAsync(bytes, size, Path.Combine(folder, $"{name}-{size.Width}x{size.Height}")) is not { } drawn) return;
        Assert.Equal(string.Join('\n', screen.Split('\n').Where(line => line.StartsWith('|'))), drawn.Lines);
        Assert.Empty(drawn.Faint);
    }

    /// <summary>As many tables as the demo has, and as long names.</summary>
    private static DemoProgress Demo(int seconds, long rows, string stateOfOne)
    {
        string[] names = ["crm/accounts", "crm/contacts", "app/orders", "app/order_items", "app/payments", "app/products", "app/users", "events/inventory_updates", "events/page_views", "events/system_metrics", "events/user_events"];
        var sources = names.Select((name, i) =>
        {
            var (silver, quarantined, superseded, unread) = (rows / (i + 1), rows / 97, rows / 11, rows / 19);
            var bronze = silver + quarantined + superseded + unread;
            var letters = i > 6 ? rows / 131 : 0;
            return new SourceTableProgress(TableId.Bronze(name.Split('/')[0], name.Split('/')[1]), new RowCount(bronze + letters + (rows / 23), bronze, letters, silver, quarantined, superseded, Deleted: 0, unread),
                rows / 31.0, i == 0 ? stateOfOne : "running");
        });
        var gold = names.Select((name, i) => new GoldTableProgress(TableId.Gold($"{name.Split('/')[1]}_by_day"), i == 10 ? TableGlance.Absent : new TableGlance(i + 3, rows / (i + 40), 0, TimeSpan.FromSeconds(2 + i)), i == 10 ? "starting" : "up to date"));
        return new DemoProgress(TimeSpan.FromSeconds(seconds), [.. sources], [.. gold], Versions: 1);
    }

    private static RunningPipeline Running(int tables, int halted, string nextStep = "Grant it: GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader.")
    {
        var fault = new WorkFault("not-authorised", "Source crm", "the role is missing", nextStep);
        WorkItem Table(int i) => new(TableId.Bronze("crm", $"table_{i:00}"), i < halted ? "halted" : i == halted ? "retrying" : "reading", Noon.AddMinutes(-i), 12_345 + i, 1_000_000 + i, 1_234.5 / (i + 1), i * 1_000, Noon, Noon, i < halted ? fault : null, ["10.0.0.1:2551", "10.0.0.2:2551"],
            i < halted ? 3_600 : 2.5, 60, IsLate: i < halted, i < halted ? new WaitItem("mend", "Source crm", "the role is missing") : null, Run: null, Runner: null);
        NodeItem Node(int i) => new($"10.0.0.{i}:2551", "2026.11", ["ingest", "transform"], Noon.AddHours(-i), Noon, "3f2a", IsHeld: false, 12_345_678, []);
        return new RunningPipeline(Noon, LakeAwaySince: null, [Node(1), Node(2)], [new SourceItem("crm", "postgres", tables, "halted", 3_600, 4_321, fault)], [.. Enumerable.Range(0, tables).Select(Table)]);
    }

    /// <summary>A pipeline of two nodes and all layers, that is well.</summary>
    /// <param name="seconds">Behind noon.</param>
    private static RunningPipeline Well(int seconds)
    {
        WorkItem Table(TableId table, string state, double? rate, string node) => new(table, state, Noon.AddHours(-26), 1_000 + seconds, 1_000_000 + (1_000 * seconds), rate, Pending: 0, Noon, Noon, Fault: null, [node], 0.5 * seconds, 7_200, IsLate: false, Wait: null, Run: null, Runner: null);
        NodeItem Node(int i, params string[] roles) => new($"10.0.0.{i}:4053", "2026.11", roles, Noon.AddHours(-26), Noon, "3f2a", IsHeld: false, 1_000 * seconds, []);
        const string one = "10.0.0.5:4053", other = "10.0.0.6:4053";
        return new RunningPipeline(Noon.AddSeconds(seconds), LakeAwaySince: null, [Node(5, "ingest", "transform"), Node(6, "ingest", "web")],
            [new SourceItem("crm", "postgres", 2, "reading", 0.4, 12.5, Fault: null), new SourceItem("events", "kafka", 1, "reading", 0.2, 1_240, Fault: null)],
            [
                Table(TableId.Bronze("crm", "accounts"), "reading", 12.5, other), Table(TableId.Bronze("crm", "contacts"), "reading", null, other), Table(TableId.Bronze("events", "page_views"), "reading", 1_240, one),
                Table(TableId.Silver("accounts"), "current", null, one), Table(TableId.Silver("page_views"), "running", 8_200, one), Table(TableId.Gold("accounts_by_day"), "current", null, one),
            ]);
    }

    /// <summary>What is written to a terminal of a size.</summary>
    private sealed class Written
    {
        private readonly StringWriter _written = new();

        public Written(TerminalSize size, params (string Name, string Value)[] environment) : this(size, TimeProvider.System, environment)
        {
        }

        public Written(TerminalSize size, TimeProvider time, params (string Name, string Value)[] environment)
        {
            Size = size;
            ReadEnvironmentVariable read = name => environment.FirstOrDefault(one => one.Name == name).Value ?? (name == "TERM" ? "xterm-256color" : null);
            Context = new NodeContext(_written, TextWriter.Null, read, time, Interruption: null) { IsTerminal = true, Screen = () => Size };
            Invocation = new Invocation(Context, "", LakeLocation: null, OutputFormat.Table, IsVerbose: false) { Answer = new Answer("watch") };
        }

        public NodeContext Context { get; }

        /// <summary>That it has now.</summary>
        public TerminalSize Size { get; set; }

        public Invocation Invocation { get; }

        public TextWriter Data => _written;

        public string Text => _written.ToString();

        public byte[] Bytes => TerminalEmulator.BytesOf(Text);
    }
}
