
namespace Pipeline.Configuration.Tests;

public sealed class SettingsReaderSpec
{
    private enum Mode
    {
        ReadOnly,
        ReadWrite,
    }

    [Fact]
    public void Reads_typed_values()
    {
        var settings = Reader("""
            text = hello, flag = on, number = 42, pause = 250ms, size = 64 MiB, mode = read-write, names = [a, b], name = c
            rules = [{ n = 1 }, { n = 2 }], section { inner = x }
            """);

        Assert.Equal("hello", settings.String("text"));
        Assert.True(settings.Bool("flag", byDefault: false));
        Assert.Equal(42, settings.Int("number", 0));
        Assert.Equal(TimeSpan.FromMilliseconds(250), settings.Duration("pause", default));
        Assert.Equal(64L << 20, settings.Bytes("size", 0));
        Assert.Equal(Mode.ReadWrite, settings.Choice<Mode>("mode"));
        Assert.Equal(["a", "b"], settings.Strings("names"));
        Assert.Equal(["c"], settings.Strings("name"));
        Assert.Equal([1, 2], settings.Sections("rules").Select(rule => rule.Int("n", 0)));
        Assert.Equal("x", settings.Section("section").String("inner"));
        settings.Complete();
        Assert.Empty(settings.Problems);
    }

    [Fact]
    public void Wrong_settings_are_told_in_the_order_of_their_lines_file_by_file()
    {
        ConfigProblem At(string file, int line, string message) => new(new SourceLocation(file, line), "", message);

        var error = new ConfigurationException([At("b.conf", 9, "b9"), At("a.conf", 3, "a3, found first"), At("b.conf", 2, "b2"), At("a.conf", 3, "a3, found next"), At("a.conf", 1, "a1")]);

        Assert.Equal(["b2", "b9", "a1", "a3, found first", "a3, found next"], error.Problems.Select(problem => problem.Message));
        Assert.Equal(string.Join(Environment.NewLine, error.Problems), error.Message);
    }

    [Fact]
    public void Absent_settings_have_their_defaults()
    {
        var settings = Reader("");

        Assert.Equal(7, settings.Int("number", 7));
        Assert.Equal(TimeSpan.FromSeconds(1), settings.Duration("pause", TimeSpan.FromSeconds(1)));
        Assert.Equal(Mode.ReadOnly, settings.Choice<Mode>("mode", Mode.ReadOnly));
        Assert.Empty(settings.Strings("names"));
        Assert.Null(settings.OptionalSecret("password"));
        Assert.Empty(settings.Problems);
    }

    [Fact]
    public void Names_every_wrong_setting_with_its_place_what_is_allowed_and_the_nearest_right_name()
    {
        var settings = Reader("""
            flag = maybe
            number = many
            port = 70000
            pause = 5
            size = 3 parsecs
            mode = readwrite
            names = { a = 1 }
            section { itnerval = 1s }
            unknown = 1
            """);

        settings.Bool("flag", byDefault: false);
        settings.Int("number", 0);
        settings.Int("port", 0, 0, 65535);
        settings.Duration("pause", default);
        settings.Bytes("size", 0);
        settings.Choice<Mode>("mode");
        settings.Strings("names");
        settings.String("host");
        var section = settings.Section("section");
        section.Duration("interval", default);
        section.Complete();
        settings.Complete();

        Assert.Equal(
        [
            "main.conf:1: root.flag: 'maybe' is not a boolean. Allowed: true, false",
            "main.conf:2: root.number: 'many' is not a whole number",
            "main.conf:3: root.port: 70000 is too large. At most 65535",
            "main.conf:4: root.pause: '5' is not a duration. Write a number with a unit: ms, s, m, h, d",
            "main.conf:5: root.size: '3 parsecs' is not a size. Write a number with a unit: B, KiB, MiB, GiB",
            "main.conf:6: root.mode: 'readwrite' is not allowed. Allowed: read-only, read-write. Did you mean 'read-write'?",
            "main.conf:7: root.names: expected a list of strings",
            "main.conf:1: root.host: is required: a string",
            "main.conf:8: root.section.itnerval: there is no such setting. Did you mean 'interval'? Allowed: interval",
            "main.conf:9: root.unknown: there is no such setting. Allowed: flag, host, mode, names, number, pause, port, section, size",
        ], settings.Problems.Select(problem => problem.ToString()));
    }

    [Theory]
    [InlineData("250ms", 0.25)]
    [InlineData("1.5 s", 1.5)]
    [InlineData("2 minutes", 120)]
    [InlineData("1h", 3600)]
    [InlineData("1d", 86400)]
    public void Durations_have_units(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Reader($"d = {text}").Duration("d", default));

    [Theory]
    [InlineData("512", 512)]
    [InlineData("1 KiB", 1024)]
    [InlineData("1k", 1024)]
    [InlineData("1 kB", 1000)]
    [InlineData("1.5 GiB", 3L << 29)]
    public void Sizes_have_units(string text, long bytes) => Assert.Equal(bytes, Reader($"s = {text}").Bytes("s", 0));

    [Theory]
    [InlineData("99999999999999999999 d")]
    [InlineData("1.2.3 s")]
    [InlineData("s")]
    [InlineData("-5s")]
    public void A_duration_that_cannot_be_is_a_problem_and_not_a_crash(string text)
    {
        var settings = Reader($"d = \"{text}\"");

        settings.Duration("d", default);

        Assert.Equal([$"main.conf:1: root.d: '{text}' is not a duration. Write a number with a unit: ms, s, m, h, d"], settings.Problems.Select(problem => problem.ToString()));
    }

    [Fact]
    public void A_secret_never_shows_its_value()
    {
        var settings = Reader("password = hunter2");

        Assert.Equal("***", settings.Secret("password").ToString());
        Assert.Equal("hunter2", settings.Secret("password").Reference);
    }

    private static SettingsReader Reader(string text) => new(HoconFiles.Parse(text), "root", []);
}
