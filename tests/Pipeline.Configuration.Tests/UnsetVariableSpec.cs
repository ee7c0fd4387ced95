namespace Pipeline.Configuration.Tests;

/// <summary>A setting that is written and has no value is told with its variable and its line.</summary>
public sealed class UnsetVariableSpec
{
    [Fact]
    public void A_required_setting_names_the_variable_and_its_line()
    {
        var (settings, problems) = Read("a {\n  host = ${?HOST}\n}");

        settings.Section("a").String("host");

        Assert.Equal("test.conf:2: a.host: is required: a string. ${?HOST} stands here, and HOST is not set. Set it, or write the value", Assert.Single(problems).ToString());
    }

    [Fact]
    public void What_only_the_caller_sees_to_be_missing_names_it_too()
    {
        var (settings, problems) = Read("a {\n  user = \"x\"\n  password = ${?WORD}\n}");

        settings.Section("a").Report("password", "is required with a user");

        Assert.Equal("test.conf:3: a.password: is required with a user. ${?WORD} stands here, and WORD is not set. Set it, or write the value", Assert.Single(problems).ToString());
    }

    [Fact]
    public void A_value_that_is_there_counts_whoever_has_set_it()
    {
        var (settings, problems) = Read("a { host = here, host = ${?HOST}, port = ${?PORT} }\na { port = 5 }", name => name == "PORT" ? "6" : null);
        var section = settings.Section("a");

        Assert.Equal(("here", 5), (section.String("host"), section.Port("port", 1)));
        section.Complete();

        Assert.Empty(problems);
        Assert.Empty(settings.Notes.Unset);
    }

    [Fact]
    public void A_setting_that_may_be_missing_is_noted()
    {
        var (settings, problems) = Read("a {\n  key = \"secret:\"${?KEY}\n  word = ${?WORD}\n}");
        var section = settings.Section("a");

        Assert.Equal(("secret:", null), (section.OptionalString("key"), section.OptionalString("word")));
        section.Complete();

        Assert.Empty(problems);
        Assert.Equal("test.conf:3: a.word: ${?WORD} stands here, and WORD is not set. Set it, or write the value", Assert.Single(settings.Notes.Unset).ToString());
    }

    [Theory]
    [InlineData("a { type = one }\na { type = two }", true)]
    [InlineData("a { type = one, type = two }", false)]
    [InlineData("a { type = one }\na { other = two }", false)]
    [InlineData("a { type = one }\na { type = ${?TYPE} }", false)]
    [InlineData("base { type = one }\na = ${base} { type = two }", false)]
    public void Two_sections_of_one_name_are_told_from_one_that_is_changed(string text, bool areTwins)
    {
        var (settings, problems) = Read(text);

        Assert.Equal(areTwins, settings.Section("a").ReportTwins("type", "sources"));
        if (areTwins) Assert.Equal("test.conf:2: a.type: there are two sources 'a', and the other is at test.conf:1. Give one of them another name", Assert.Single(problems).ToString());
        else Assert.Empty(problems);
    }

    private static (SettingsReader Settings, List<ConfigProblem> Problems) Read(string text, ReadEnvironmentVariable? environment = null)
    {
        var problems = new List<ConfigProblem>();
        return (new SettingsReader(HoconReader.Read("test.conf", _ => text, environment ?? (_ => null)), "", problems), problems);
    }
}
