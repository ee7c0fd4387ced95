
namespace Pipeline.Configuration.Tests;

public sealed class HoconReaderSpec
{
    [Theory]
    [InlineData("a = 1", "{a: 1}")]
    [InlineData("a : 1, b = x", "{a: 1, b: x}")]
    [InlineData("{ a = 1 }", "{a: 1}")]
    [InlineData("a { b = 1 }", "{a: {b: 1}}")]
    [InlineData("a = { b = 1, }", "{a: {b: 1}}")]
    [InlineData("a =\n{ b = 1 }", "{a: {b: 1}}")]
    [InlineData("a.b.c = 1\na.b.d = 2", "{a: {b: {c: 1, d: 2}}}")]
    [InlineData("a { b = 1 }\na { c = 2, b = 3 }", "{a: {b: 3, c: 2}}")]
    [InlineData("a { b = 1 }\na = 2\na { c = 3 }", "{a: {c: 3}}")]
    [InlineData("a = 1 # one\n// two\nb = 2 // three", "{a: 1, b: 2}")]
    [InlineData("a = 64 MiB  ", "{a: 64 MiB}")]
    [InlineData("a = [1, 2\n3,]", "{a: [1, 2, 3]}")]
    [InlineData("a = [{b=1}, {b=2}]", "{a: [{b: 1}, {b: 2}]}")]
    [InlineData("a = []\nb {}", "{a: [], b: {}}")]
    [InlineData("a = \"x = ${y} # z\"", "{a: x = ${y} # z}")]
    [InlineData("a = \"\\u0041\\n\\\"\\\\\"", "{a: A\n\"\\}")]
    [InlineData("a = \"\"\"one\ntwo \"quoted\" \\n\"\"\"\"", "{a: one\ntwo \"quoted\" \\n\"}")]
    [InlineData("\"a.b\" = 1", "{a.b: 1}")]
    [InlineData("a.\"b.c\".d = 1", "{a: {b.c: {d: 1}}}")]
    [InlineData("a = foo \"bar\" baz", "{a: foo bar baz}")]
    [InlineData("a = 1\na = null", "{}")]
    [InlineData("a = \"null\"", "{a: null}")]
    [InlineData("a = [1] [2]", "{a: [1, 2]}")]
    [InlineData("a = {b=1} {c=2}", "{a: {b: 1, c: 2}}")]
    [InlineData("a = [1]\na += 2\na += 3", "{a: [1, 2, 3]}")]
    [InlineData("a += 1", "{a: [1]}")]
    [InlineData("\uFEFFa = 1\r\nb = 2\r\n", "{a: 1, b: 2}")]
    [InlineData("", "{}")]
    public void Reads(string text, string expected) => Assert.Equal(expected, ConfigValueText.Show(HoconFiles.Parse(text)));

    [Theory]
    [InlineData("a = 1, b = ${a}", "{a: 1, b: 1}")]
    [InlineData("b = ${a.c}, a { c = 2 }", "{b: 2, a: {c: 2}}")]
    [InlineData("b = ${a}, a = 1, a = 2", "{b: 2, a: 2}")]
    [InlineData("a = ${?nowhere}", "{}")]
    [InlineData("a = 1, a = ${?nowhere}", "{a: 1}")]
    [InlineData("a = x${?nowhere}y", "{a: xy}")]
    [InlineData("h = localhost, u = \"http://\"${h}\":80\"", "{h: localhost, u: http://localhost:80}")]
    [InlineData("a = 1, a = ${a}2, a = ${a}3", "{a: 123}")]
    [InlineData("a = [1], a = ${a} [2]", "{a: [1, 2]}")]
    [InlineData("a = ${b} [2], b = [1]", "{a: [1, 2], b: [1]}")]
    [InlineData("base { x = 1, y = 2 }, a = ${base} { y = 3 }", "{base: {x: 1, y: 2}, a: {x: 1, y: 3}}")]
    [InlineData("base { x = 1 }, a = ${base}, a { y = 2 }", "{base: {x: 1}, a: {x: 1, y: 2}}")]
    [InlineData("base { x = 1 }, a { y = 2 }, a = ${base}, b = ${a.y}", "{base: {x: 1}, a: {y: 2, x: 1}, b: 2}")]
    [InlineData("a { x = 1, y = ${a.x} }", "{a: {x: 1, y: 1}}")]
    [InlineData("a { x = 1 }, b = ${a}, a { x = 2 }", "{a: {x: 2}, b: {x: 2}}")]
    [InlineData("a = { p = 1 }, a = ${a} { q = 2 }, a { r = 3 }", "{a: {p: 1, q: 2, r: 3}}")]
    [InlineData("a = ${?a}x", "{a: x}")]
    public void Replaces_substitutions(string text, string expected) => Assert.Equal(expected, ConfigValueText.Show(HoconFiles.Parse(text)));

    [Fact]
    public void The_environment_answers_what_no_setting_does()
    {
        var root = new HoconFiles()
            .With("main.conf", "a = ${NAME}, b = default, b = ${?OTHER}, c = ${x}, x = setting")
            .WithEnvironment("NAME", "from outside")
            .WithEnvironment("x", "hidden by the setting")
            .Read();

        Assert.Equal("{a: from outside, b: default, c: setting, x: setting}", ConfigValueText.Show(root));
    }

    [Fact]
    public void An_include_stands_for_the_fields_of_its_file()
    {
        var root = new HoconFiles()
            .With("conf/main.conf", "sources {\n  include \"sources/app.conf\"\n  include required(file(\"sources/crm.conf\"))\n}\nhost = outer")
            .With("conf/sources/app.conf", "app { host = ${host}, name = ${app.short}, short = a, include \"../shared.conf\" }")
            .With("conf/sources/crm.conf", "crm.host = inner")
            .With("conf/shared.conf", "poll = 1s")
            .Read("conf/main.conf");

        Assert.Equal("{app: {host: outer, name: a, short: a, poll: 1s}, crm: {host: inner}}", root.At("sources"));
    }

    [Fact]
    public void Every_value_knows_its_file_and_line()
    {
        var root = new HoconFiles()
            .With("main.conf", "\n# comment\na {\n  b = \"\"\"x\ny\"\"\"\n  c = [\n    1\n    2 ]\n}\ninclude \"other.conf\"\ne = ${a.b}")
            .With("other.conf", "\n\nd { e = 1 }")
            .Read();

        Assert.Equal(new SourceLocation("main.conf", 3), root.LocationAt("a"));
        Assert.Equal(new SourceLocation("main.conf", 4), root.LocationAt("a.b"));
        Assert.Equal(new SourceLocation("main.conf", 6), root.LocationAt("a.c"));
        Assert.Equal(new SourceLocation("main.conf", 8), ((ConfigList)((ConfigObject)root.Fields["a"]).Fields["c"]).Items[1].Location);
        Assert.Equal(new SourceLocation("other.conf", 3), root.LocationAt("d.e"));
        Assert.Equal(new SourceLocation("main.conf", 11), root.LocationAt("e"));
    }

    [Theory]
    [InlineData("a {\n  b = 1\n", "main.conf:1: the '{' that is opened here is never closed")]
    [InlineData("a = [1\nb = 2", "main.conf:2: '=' inside a value. Settings on one line are separated by ','; a text that contains it stands between \"\"")]
    [InlineData("a = [1, 2", "main.conf:1: the '[' that is opened here is never closed")]
    [InlineData("a = [1 }", "main.conf:1: '}' where ']' must close the '[' of line 1")]
    [InlineData("a = 1\n}", "main.conf:2: '}' closes nothing that was opened")]
    [InlineData("\na = \"x", "main.conf:2: a string that begins here has no closing \". Strings over several lines stand between \"\"\"")]
    [InlineData("a = \"\"\"x\n", "main.conf:1: a string that begins here has no closing \"\"\"")]
    [InlineData("a = \"\\d\"", "main.conf:1: '\\d' is not an escape. Allowed: \\\" \\\\ \\/ \\n \\t \\r \\b \\f \\uXXXX; or write the string between \"\"\"")]
    [InlineData("a =\nb = 2", "main.conf:1: 'a' has no value. Write \"\" for an empty one")]
    [InlineData("a = ", "main.conf:1: 'a' has no value. Write \"\" for an empty one")]
    [InlineData("a = 1 b = 2", "main.conf:1: '=' inside a value. Settings on one line are separated by ','; a text that contains it stands between \"\"")]
    [InlineData("a = x@y", "main.conf:1: '@' inside a value. A text that contains it stands between \"\"")]
    [InlineData("a = *", "main.conf:1: '*' cannot begin a value. A text that contains it stands between \"\"")]
    [InlineData("a b = 1", "main.conf:1: after 'a' comes '=' and a value, or '{'. A name that contains a space or another special character stands between \"\"")]
    [InlineData("a = 1,, b = 2", "main.conf:1: two commas in a row")]
    [InlineData("a.= 1", "main.conf:1: expected a name after the dot, found '='")]
    [InlineData("= 1", "main.conf:1: expected a setting's name, found '='")]
    [InlineData("[1]", "main.conf:1: a file holds settings, not a list")]
    [InlineData("a = ${b", "main.conf:1: '${' without '}'")]
    [InlineData("include other", "main.conf:1: after 'include' comes a file's name between \"\"")]
    [InlineData("x {\n include \"a.conf\" }", "main.conf:2: x: includes 'a.conf', but there is no file a.conf")]
    [InlineData("\ninclude \"./x/../main.conf\"", "main.conf:2: includes itself: main.conf -> main.conf")]
    [InlineData("a {\n b = ${c.d} }", "main.conf:2: a.b: ${c.d} is neither a setting nor an environment variable. Set it, or write ${?c.d} where it may be missing")]
    [InlineData("a = ${b}, b = ${a}", "main.conf:1: b: ${a} leads back to this setting", "main.conf:1: a: ${b} leads back to this setting")]
    [InlineData("a { b = ${a} }", "main.conf:1: a.b: ${a} leads back to this setting")]
    [InlineData("a = ${a}", "main.conf:1: a: ${a} leads back to this setting")]
    [InlineData("a = 1\na += 2", "main.conf:2: a: '+=' appends to a list, but the value of main.conf:1 is none")]
    [InlineData("a = [1] x", "main.conf:1: a: texts, lists and sections stand side by side; they can only be joined with their own kind")]
    public void Says_what_is_wrong_and_where(string text, params string[] problems) => Assert.Equal(problems, HoconFiles.ProblemsOf(text));

    [Fact]
    public void Reports_the_errors_of_all_files_at_once()
    {
        var problems = new HoconFiles()
            .With("main.conf", "a { include \"one.conf\" }\ninclude \"two.conf\"\ninclude \"three.conf\"\n}")
            .With("one.conf", "\nb = [")
            .With("two.conf", "c = \"")
            .Problems();

        Assert.Equal(
        [
            "one.conf:2: a: the '[' that is opened here is never closed",
            "two.conf:1: a string that begins here has no closing \". Strings over several lines stand between \"\"\"",
            "main.conf:3: includes 'three.conf', but there is no file three.conf",
            "main.conf:4: '}' closes nothing that was opened",
        ], problems);
    }

    [Fact]
    public void Hostile_nesting_is_an_error_and_not_the_end_of_the_process() =>
        Assert.Equal(["main.conf:1: more than 100 levels of brackets"], HoconFiles.ProblemsOf("a = " + new string('[', 100_000)));

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Equal("nowhere.conf:1: there is no such file. Correct the path, or have one written: ./pipeline init", Assert.Throws<ConfigurationException>(() => new HoconFiles().Read("nowhere.conf")).Message);
}
