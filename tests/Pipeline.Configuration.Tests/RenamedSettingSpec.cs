namespace Pipeline.Configuration.Tests;

public sealed class RenamedSettingSpec
{
    [Fact]
    public void The_old_name_is_read_with_a_line_that_says_where_it_stands_and_what_it_is_called_now()
    {
        var settings = Reader("""
            size = 1 MiB

            buffer = 8 MiB
            """);
        settings.Renamed("buffer", "read-ahead", "it counts for all tables together");

        Assert.Equal(8L << 20, settings.Bytes("read-ahead", 0));
        settings.Bytes("size", 0);
        settings.Complete();

        Assert.Empty(settings.Problems);
        Assert.Equal("pipeline.conf:3: source.buffer: is called source.read-ahead now, and it counts for all tables together. "
            + "The old name is read by this release, not by the next", Assert.Single(settings.Notes.Notices).ToString());
    }

    [Fact]
    public void Settings_move_between_sections_and_out_of_them()
    {
        var settings = Reader("""
            username = me
            tls { mode = require, ca-file = ca.pem }
            security { key-file = key.pem }
            capture { age = 1s }
            """);
        settings.Renamed("username", "security.username");
        settings.Renamed("tls.mode", "security.tls");
        settings.Renamed("tls.ca-file", "security.ca-file");
        settings.Renamed("capture.age", "age");

        var security = settings.Section("security");
        Assert.Equal(["me", "require", "ca.pem", "key.pem"], new[] { "username", "tls", "ca-file", "key-file" }.Select(security.String));
        Assert.Equal(TimeSpan.FromSeconds(1), settings.Duration("age", default));
        security.Complete();
        settings.Complete();

        Assert.Empty(settings.Problems);
        Assert.Equal([1, 2, 2, 4], settings.Notes.Notices.Select(notice => notice.Location.Line));
    }

    [Fact]
    public void A_whole_section_may_have_a_new_name()
    {
        var settings = Reader("auth { user = me }");
        settings.Renamed("auth.user", "auth.username");
        settings.Renamed("auth", "security");

        Assert.Equal("me", settings.Section("security").String("username"));
        settings.Complete();

        Assert.Empty(settings.Problems);
    }

    [Fact]
    public void Both_names_at_once_are_an_error_at_the_old_one()
    {
        var settings = Reader("""
            read-ahead = 4 MiB
            buffer = 8 MiB
            """);
        settings.Renamed("buffer", "read-ahead");

        Assert.Equal(4L << 20, settings.Bytes("read-ahead", 0));
        settings.Complete();

        Assert.Equal("pipeline.conf:2: source.buffer: is the old name of source.read-ahead, which is given too (pipeline.conf:1). Delete this one",
            Assert.Single(settings.Problems).ToString());
        Assert.Empty(settings.Notes.Notices);
    }

    [Theory]
    [InlineData("bufer = 1", "source.bufer: there is no such setting. Did you mean 'read-ahead'?")]
    [InlineData("read-ahed = 1", "source.read-ahed: there is no such setting. Did you mean 'read-ahead'?")]
    [InlineData("tls { ca-fil = x }", "source.tls: there is no such setting. Did you mean 'security'?")]
    [InlineData("usrname = me", "source.usrname: there is no such setting. Did you mean 'security.username'?")]
    public void A_wrong_name_that_is_near_to_an_old_one_is_told_the_new_one(string written, string problem)
    {
        var settings = Reader(written);
        settings.Renamed("buffer", "read-ahead");
        settings.Renamed("username", "security.username");
        settings.Renamed("tls.ca-file", "security.ca-file");

        settings.Bytes("read-ahead", 0);
        settings.Section("security").OptionalString("ca-file");
        settings.Complete();

        Assert.Contains(problem, Assert.Single(settings.Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_code_asks_for_can_be_listed_with_defaults_and_limits()
    {
        var settings = Reader("tables { users { key = id } }");

        settings.Bytes("size", 4L << 20, min: 1 << 10, max: 1L << 30);
        settings.Section("tables").Children().Single().Settings.Strings("key");

        Assert.Contains(new AskedSetting("source.size", SettingKind.Size, "4 MiB", "1 KiB", "1 GiB"), settings.Notes.Asked);
        Assert.Contains(settings.Notes.Asked, asked => asked is { Path: "source.tables.users.key", Form: "source.tables.NAME.key", Kind: SettingKind.Texts });
    }

    private static SettingsReader Reader(string text) =>
        new(HoconReader.Read("pipeline.conf", path => path == "pipeline.conf" ? text : null, _ => null), "source", []);
}
