using Pipeline.Mutation.Tests;

// The mutation run starts this executable again to run specs against changed code; otherwise it runs the tests, as xunit's
// own entry point does.
if (args is [SpecProcess.Verb, ..]) return await SpecProcess.RunAsync(args[1..]);
return args.Any(argument => argument is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
