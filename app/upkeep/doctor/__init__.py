"""`zhupi doctor`: one module a thing that a server leans on; `examine` looks at all of them at once."""
