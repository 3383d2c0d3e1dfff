-- Neovim 0.11 or newer: ~/.config/nvim/init.lua
vim.lsp.config('basedpyright', {
  cmd = { 'reloadls', 'proxy', '--', 'basedpyright-langserver', '--stdio' },
  filetypes = { 'python' },
  root_markers = { 'pyproject.toml', '.git' },
})
vim.lsp.enable('basedpyright')
